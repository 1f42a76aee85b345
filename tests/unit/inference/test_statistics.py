"""What a server tells of its load between two readings."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from support.stand_in.behaviour import Behaviour
from support.stand_in.stand_in import StandIn
from tritonclient.grpc import InferInput, aio, service_pb2

from streamproc.inference.statistics import NOTHING_NEW, ServerLoad, ServerStatistics, Totals, read_load, totals_of

SECOND = 1_000_000_000


def test_means_are_of_what_was_answered_in_between() -> None:
    statistics = ServerStatistics()
    assert statistics.since_last(Totals(100, 100, 100 * SECOND, SECOND)) is None
    assert statistics.since_last(Totals(140, 110, 104 * SECOND, 3 * SECOND)) == ServerLoad(0.1, 0.05, 4.0)


def test_where_nothing_was_answered_there_is_nothing_to_tell() -> None:
    statistics = ServerStatistics()
    for _ in range(2):
        assert statistics.since_last(Totals(7, 7, SECOND, SECOND)) is None


@pytest.mark.parametrize("again", [Totals(2, 1, 1, 1), Totals(20, 1, 1, 1)], ids=["fewer", "more"])
def test_a_server_that_has_started_again_is_read_from_its_start(again: Totals) -> None:
    statistics = ServerStatistics()
    statistics.since_last(Totals(10, 10, 10 * SECOND, 10 * SECOND))
    assert statistics.since_last(again) is None
    after = Totals(again.requests + 1, again.executions + 1, again.queue_ns, again.compute_ns + SECOND)
    assert statistics.since_last(after) == ServerLoad(0.0, 1.0, 1.0)


def test_versions_are_summed_and_inputs_and_outputs_are_computing() -> None:
    answer = service_pb2.ModelStatisticsResponse()
    assert totals_of(answer) is None
    for number in (1, 2):
        model = answer.model_stats.add(name="phonemes", version=str(number), inference_count=80, execution_count=5)
        model.inference_stats.success.count = 10
        model.inference_stats.queue.ns = 100
        for part in ("compute_input", "compute_infer", "compute_output"):
            getattr(model.inference_stats, part).ns = number
    assert totals_of(answer) == Totals(20, 10, 200, 9)


async def _infer(client: aio.InferenceServerClient) -> None:
    clip, length = np.zeros((1, 320), np.float32), np.array([[320]], np.int32)
    inputs = [
        InferInput("AUDIO", [1, 320], "FP32").set_data_from_numpy(clip),
        InferInput("LENGTHS", [1, 1], "INT32").set_data_from_numpy(length),
    ]
    await client.infer("phonemes", inputs)


async def test_a_server_is_asked_and_one_that_does_not_tell_is_no_failure() -> None:
    with StandIn(Behaviour(servers=1, request_s=0.05)) as server:
        client = aio.InferenceServerClient(server.address)
        try:
            statistics = ServerStatistics()

            async def read() -> ServerLoad | None:
                return await read_load(client, "phonemes", "", statistics, 5.0)

            assert await read() == NOTHING_NEW
            await asyncio.gather(*(_infer(client) for _ in range(4)))
            load = await read()
            assert load is not None
            # 0, 1, 2 and 3 services waited, as long as all four came before the first was served.
            assert load.queue_s == pytest.approx(0.075, abs=0.05)
            assert (round(load.compute_s, 6), load.batch) == (0.05, 1.0)
            server.set(statistics=False)
            assert await read() is None
            server.kill()
            assert await read() is None
        finally:
            await client.close()
