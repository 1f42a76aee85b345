"""The stand-in for Triton: its capacity is what it says, it speaks Triton's protocol, each clip gets its own answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from support.simulated_time import simulate
from support.stand_in.answers import Answers, frames_of, record
from support.stand_in.behaviour import Behaviour, Counts
from support.stand_in.stand_in import StandIn
from support.stand_in.station import FullError, Station
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException

from streamproc.localstack.security import make_authority, make_certified_key


async def _served(station: Station, requests: int, priority: int = 1, seconds: float = 0.0) -> list[float]:
    """When each of so many requests at once was served."""
    loop = asyncio.get_running_loop()

    async def one() -> float:
        await station.serve(priority, seconds)
        return loop.time()

    return [round(when, 6) for when in await asyncio.gather(*(one() for _ in range(requests)))]


def test_servers_of_fixed_service_time_have_a_known_capacity() -> None:
    station = Station(Behaviour(servers=2, request_s=0.1), Counts())
    assert simulate(_served(station, 5)) == [0.1, 0.1, 0.2, 0.2, 0.3]


def test_service_may_take_as_long_as_there_is_audio_or_as_there_are_clips() -> None:
    station = Station(Behaviour(servers=1, request_s=0.1, clip_s=0.02, audio_s=0.01), Counts())
    assert simulate(_served(station, 2, seconds=5.0)) == [0.17, 0.34]

    async def of_three_clips() -> float:
        await Station(Behaviour(servers=1, clip_s=0.5), Counts()).serve(1, 0.0, clips=3)
        return asyncio.get_running_loop().time()

    assert simulate(of_three_clips()) == 1.5


def test_what_is_queued_and_computed_is_told() -> None:
    counts = Counts()
    simulate(_served(Station(Behaviour(servers=1, request_s=0.1), counts), 4))
    assert (counts.queue_ns, counts.compute_ns) == (600_000_000, 400_000_000)
    assert (counts.serving, counts.waiting, counts.most_waiting) == (0, 0, 3)


def test_a_full_queue_refuses_and_what_waits_too_long_is_refused() -> None:
    async def main() -> tuple[list[str], list[str]]:
        full = Station(Behaviour(servers=1, request_s=1.0, queue=2), Counts())
        late = Station(Behaviour(servers=1, request_s=1.0, queue_s=1.5), Counts())

        async def ends(station: Station) -> list[str]:
            found = await asyncio.gather(*(station.serve(1, 0) for _ in range(4)), return_exceptions=True)
            return [str(end or "") for end in found]

        return await ends(full), await ends(late)

    full, late = simulate(main())
    assert full == ["", "", "", "Exceeds maximum queue size"]
    assert late == ["", "", *["Request timeout expired"] * 2]


def test_live_goes_before_replay() -> None:
    counts = Counts()
    station = Station(Behaviour(servers=1, request_s=0.1), counts)

    async def main() -> None:
        replay = asyncio.create_task(_served(station, 2, priority=2))
        await asyncio.sleep(0)
        await asyncio.gather(replay, _served(station, 2, priority=1))

    simulate(main())
    assert counts.order == [2, 1, 1, 2]


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    counts = Counts()
    station = Station(Behaviour(servers=1, request_s=1.0, queue=1), counts)

    async def main() -> None:
        first, second = (asyncio.create_task(station.serve(1, 0)) for _ in range(2))
        await asyncio.sleep(0.1)
        with pytest.raises(FullError):
            await station.serve(1, 0)
        second.cancel()
        await asyncio.sleep(0)
        third = asyncio.create_task(station.serve(1, 0))
        await asyncio.gather(first, third)

    simulate(main())
    assert len(counts.order) == 2


def test_more_servers_begin_with_what_waits() -> None:
    behaviour = Behaviour(servers=1, request_s=1.0)
    station = Station(behaviour, Counts())

    async def main() -> list[float]:
        served = asyncio.create_task(_served(station, 3))
        await asyncio.sleep(0.5)
        behaviour.servers = 3
        station.refresh()
        return await served

    assert simulate(main()) == [1.0, 1.5, 1.5]


def test_recorded_logits_are_those_of_the_nearest_length(tmp_path: Path) -> None:
    file = tmp_path / "recorded.npz"
    clips = [np.zeros(length, np.float32) for length in (3200, 16_000)]
    record(file, clips, lambda clip: np.full((frames_of(len(clip)), 41), len(clip), np.float32))
    answer = Answers(file).answer([16_002, 3200, 9900], [0.0] * 3)
    logits = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(tuple(answer.outputs[0].shape))
    frames = np.frombuffer(answer.raw_output_contents[1], np.int32).tolist()
    assert frames == [frames_of(length) for length in (16_002, 3200, 9900)]
    assert [logits[row, 0, 0] for row in range(3)] == [16_000, 3200, 16_000]
    assert not logits[1, frames[1] :].any()


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


async def _infer(client: triton.InferenceServerClient, *lengths: int) -> list[float]:
    """The mark of each clip's answer; its clips begin with 0.1, 0.2, …"""
    audio = np.zeros((len(lengths), max(lengths)), np.float32)
    audio[:, 0] = np.arange(1, len(lengths) + 1) / 10
    inputs = [
        triton.InferInput("AUDIO", list(audio.shape), "FP32").set_data_from_numpy(audio),
        triton.InferInput("LENGTHS", [len(lengths), 1], "INT32").set_data_from_numpy(
            np.array(lengths, np.int32).reshape(-1, 1)
        ),
    ]
    answer = await client.infer("phonemes", inputs, priority=2)
    assert answer.as_numpy("FRAMES")[:, 0].tolist() == [frames_of(length) for length in lengths]
    return [round(float(mark), 4) for mark in answer.as_numpy("LOGITS")[:, 0, 0]]


async def test_it_speaks_tritons_protocol(server: StandIn) -> None:
    async with triton.InferenceServerClient(server.address) as client:
        assert await client.is_server_live()
        assert await client.is_model_ready("phonemes")
        config = (await client.get_model_config("phonemes")).config
        assert (config.name, config.max_batch_size) == ("phonemes", 32)
        assert await _infer(client, 3200, 16_000, 1600) == [0.1, 0.2, 0.3]
        (stats,) = (await client.get_inference_statistics("phonemes")).model_stats
        assert stats.inference_stats.queue.count == stats.inference_stats.compute_infer.count == 1
    counts = server.counts()
    assert (counts.answered, counts.clips, counts.samples, counts.padded) == (1, 3, 20_800, 48_000)
    assert counts.priorities == {2: 1}


async def test_it_fails_on_demand_and_in_tritons_words(server: StandIn) -> None:
    async with triton.InferenceServerClient(server.address) as client:
        server.set(error="INTERNAL", message="out of memory")
        with pytest.raises(InferenceServerException, match="out of memory") as caught:
            await _infer(client, 320)
        assert "INTERNAL" in str(caught.value.status())
        server.set(error="", answer="nan")
        assert np.isnan(await _infer(client, 320)).all()
        server.set(answer="sound", ready=False, sha256="another")
        assert not await client.is_model_ready("phonemes")
        config = (await client.get_model_config("phonemes")).config
        assert config.parameters["sha256"].string_value == "another"
        server.set(ready=True, servers=1, queue=1, request_s=0.2)
        ends = await asyncio.gather(*(_infer(client, 320) for _ in range(3)), return_exceptions=True)
        refused = [end for end in ends if isinstance(end, InferenceServerException)]
        assert ["Exceeds maximum queue size" in str(end) for end in refused] == [True]
        server.set(servers=0, queue=0, request_s=0.0)


async def test_a_field_that_it_has_not_is_an_error(server: StandIn) -> None:
    with pytest.raises(AssertionError, match="does not know"):
        server.set(speed=1)
    assert server.counts().requests >= 0


async def test_it_comes_back_at_the_same_address(server: StandIn) -> None:
    address = server.address
    server.kill()
    server.start()
    assert server.address == address
    async with triton.InferenceServerClient(address) as client:
        assert await _infer(client, 320) == [0.1]


def _served_certificate(server: StandIn) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as plain,
        context.wrap_socket(plain) as connection,
    ):
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


async def test_it_serves_a_rotated_certificate_and_demands_a_clients(tmp_path: Path) -> None:
    ca, pem, own = tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "client.pem"
    authority = make_authority(ca)
    make_certified_key(pem, "server", *authority)
    make_certified_key(own, "client", *authority)
    with StandIn(certificate=pem, key=pem) as server:
        before = _served_certificate(server)
        make_certified_key(pem, "server", *authority)
        assert _served_certificate(server) != before
    with StandIn(certificate=pem, key=pem, client_ca=ca) as server:
        known = grpc.ssl_channel_credentials(ca.read_bytes(), own.read_bytes(), own.read_bytes())
        async with triton.InferenceServerClient(server.address, creds=known) as client:
            assert await _infer(client, 320) == [0.1]
        unknown = grpc.ssl_channel_credentials(ca.read_bytes())
        async with triton.InferenceServerClient(server.address, creds=unknown) as client:
            with pytest.raises(InferenceServerException):
                await client.is_server_live(client_timeout=5)
