"""The Triton engine by TLS, with a real Triton that asks for certificates: good ones, wrong ones, rotated ones."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from structlog.testing import capture_logs

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.channel import Certificates, Channel
from streamproc.inference.pool import TritonPool
from streamproc.inference.served import built_in
from streamproc.inference.tls import TlsFiles
from streamproc.inference.wiring import pool_of
from streamproc.localstack.security import make_authority, make_certified_key
from streamproc.localstack.triton import TritonPart

CLIP = np.zeros(16_000, np.float32)


@dataclass
class Papers:
    """Two authorities, and what they certify, in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.authority = make_authority(self.folder / "ca.pem")
        self.other = make_authority(self.folder / "other-ca.pem", "another authority")

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def certify(self, name: str, by: Any = None, **how: Any) -> Path:
        make_certified_key(self.file(name), name, *(by or self.authority), **how)
        return self.file(name)

    def client(self, name: str = "client", ca: str = "ca") -> TlsFiles:
        return TlsFiles(self.file(ca), self.file(name), self.file(name))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    made = Papers(tmp_path_factory.mktemp("papers"))
    made.certify("server")
    made.certify("client")
    made.certify("stranger", made.other)
    return made


@contextmanager
def serving(folder: Path, server: Path, authority: Path) -> Iterator[TritonPart]:
    """A Triton that speaks TLS alone, and lets those in whom this authority has certified."""
    arguments = (
        *("--grpc-use-ssl=true", "--grpc-use-ssl-mutual=true"),
        *(f"--grpc-server-cert={server}", f"--grpc-server-key={server}", f"--grpc-root-cert={authority}"),
    )
    part = TritonPart(folder, arguments=arguments)
    try:
        part.start()
        yield part
    finally:
        part.stop()


@pytest.fixture(scope="module")
def triton(papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonPart]:
    with serving(tmp_path_factory.mktemp("triton"), papers.file("server"), papers.file("ca")) as part:
        yield part


@asynccontextmanager
async def started(address: str, files: TlsFiles | None, look: float = 60.0) -> AsyncIterator[tuple[TritonPool, Any]]:
    certificates = Certificates(files, look=look)
    engine = pool_of([address], built_in("phonemes", ""), 10, 60, certificates)
    try:
        await engine.start()
        yield engine, certificates
    finally:
        await engine.close()


async def refusal(address: str, files: TlsFiles | None) -> StreamprocError:
    with pytest.raises(StreamprocError) as caught:
        async with started(address, files):
            pass
    return caught.value


async def test_clips_are_heard_and_the_days_to_expiry_known(triton: TritonPart, papers: Papers) -> None:
    async with started(triton.address, papers.client(), look=0.1) as (engine, certificates):
        assert len((await engine.infer([CLIP])).logits) == 1
        await until(lambda: len(list(certificates.expiries())) == 2)
        known = {which: days for which, _, days in certificates.expiries()}
    assert set(known) == {"client", "server"}
    assert all(29 < days < 30 for days in known.values())


async def test_each_mistake_is_told_by_its_setting(triton: TritonPart, papers: Papers, tmp_path: Path) -> None:
    address = triton.address
    expected: dict[str, list[TlsFiles | None]] = {
        "STREAMPROC_TRITON__CA_FILE": [papers.client(ca="other-ca"), None],
        "STREAMPROC_TRITON__CERTIFICATE_FILE": [papers.client("stranger"), TlsFiles(papers.file("ca"))],
    }
    for setting, wrong in expected.items():
        for files in wrong:
            error = await refusal(address, files)
            assert error.code is ErrorCode.INFERENCE_UNAVAILABLE
            assert setting in error.message
            assert address in error.message
            assert "\n" not in error.message


async def test_a_server_whose_certificate_has_expired_or_is_for_another(papers: Papers, tmp_path: Path) -> None:
    papers.certify("expired", valid=timedelta(days=-1))
    papers.certify("elsewhere", names=[x509.DNSName("triton.example.org")])
    told = {}
    for name in ("expired", "elsewhere"):
        with serving(tmp_path / name, papers.file(name), papers.file("ca")) as part:
            told[name] = (await refusal(part.address, papers.client())).message
    assert "has expired" in told["expired"]
    assert "is not for '127.0.0.1'" in told["elsewhere"]


async def test_a_server_without_tls(papers: Papers, triton_url: str) -> None:
    error = await refusal(triton_url, papers.client())
    assert "speaks no TLS" in error.message
    assert "STREAMPROC_TRITON__ALLOW_PLAINTEXT" in error.message


async def test_nothing_is_sent_in_plaintext_to_another_machine() -> None:
    """What arrives first is a handshake; where plaintext is allowed it is HTTP/2's preface."""
    heard = []
    for allowed in (False, True):
        with socket.create_server(("0.0.0.0", 0)) as listener:
            listening = threading.Thread(target=lambda: heard.append(_first_bytes(listener)), daemon=True)
            listening.start()
            address = f"{_own_address()}:{listener.getsockname()[1]}"
            engine = pool_of([address], built_in("phonemes", ""), 2, 60, Certificates(allow_plaintext=allowed))
            with pytest.raises(StreamprocError):
                await engine.start()
            await engine.close()
            await asyncio.to_thread(listening.join, 5)
    assert heard == [b"\x16\x03\x01", b"PRI"]


def _first_bytes(listener: socket.socket) -> bytes:
    connection, _ = listener.accept()
    with connection:
        return connection.recv(3)


def _own_address() -> str:
    """An address of this machine that is none of the loopback's; nothing is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback's")
        address: str = probe.getsockname()[0]
    return address


async def test_certificates_that_are_rotated_under_load_fail_nobody(papers: Papers, tmp_path: Path) -> None:
    """The worker's certificate, then the authority: a bundle of both, then a server of the new one alone."""
    papers.certify("rotated")
    own = papers.file("own-ca")
    own.write_bytes(papers.file("ca").read_bytes())
    folder = tmp_path / "triton"
    with serving(folder, papers.file("server"), papers.file("ca")) as part:
        async with started(part.address, papers.client("rotated", "own-ca"), look=0.1) as (engine, certificates):
            answered, stop = 0, asyncio.Event()

            async def load() -> None:
                nonlocal answered
                while not stop.is_set():
                    await engine.infer([CLIP])
                    answered += 1

            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(load())
                for _ in range(3):
                    before, client = answered, channel_of(engine).client
                    papers.certify("rotated")
                    await until(lambda client=client: channel_of(engine).client is not client)
                    await until(lambda before=before: answered > before + 20)
                client = channel_of(engine).client
                own.write_bytes(papers.file("other-ca").read_bytes() + papers.file("ca").read_bytes())
                await until(lambda: channel_of(engine).client is not client)
                before = answered
                await until(lambda: answered > before + 20)
                stop.set()
    assert certificates.current is not None
    assert answered > 80


async def test_a_rotation_that_went_wrong_changes_nothing_and_is_told(triton: TritonPart, papers: Papers) -> None:
    file = papers.certify("broken")
    good = file.read_bytes()
    with capture_logs() as logs:
        async with started(triton.address, papers.client("broken"), look=0.05) as (engine, _):
            client = channel_of(engine).client
            file.write_bytes(b"half a fi")
            await until(lambda: any("cannot be used" in line["event"] for line in logs))
            assert len((await engine.infer([CLIP])).logits) == 1
            file.write_bytes(papers.file("stranger").read_bytes())
            await until(lambda: any("not taken" in line["event"] for line in logs))
            assert channel_of(engine).client is client
            assert len((await engine.infer([CLIP])).logits) == 1
            file.write_bytes(good)
    assert len([line for line in logs if "cannot be used" in line["event"]]) == 1


async def test_a_server_behind_a_name_shows_the_certificate_of_that_name(papers: Papers, tmp_path: Path) -> None:
    """The endpoint is an address of the name; and what a bundle of authorities says between them need not be ASCII."""
    papers.certify("named", names=[x509.DNSName("localhost")])
    papers.file("remarked").write_bytes("# Jürgens Stelle\n".encode() + papers.file("ca").read_bytes())
    with serving(tmp_path / "triton", papers.file("named"), papers.file("ca")) as part:
        by_name = f"dns:///localhost:{part.address.rpartition(':')[2]}"
        async with started(by_name, papers.client(ca="remarked"), look=0.1) as (engine, certificates):
            assert len((await engine.infer([CLIP])).logits) == 1
            await until(lambda: "server" in [which for which, _, _ in certificates.expiries()])
        assert "is not for '127.0.0.1'" in (await refusal(part.address, papers.client())).message


async def test_the_log_warns_once_before_one_expires(triton: TritonPart, papers: Papers) -> None:
    papers.certify("ageing", valid=timedelta(minutes=10))  # and it is an hour old
    with capture_logs() as logs:
        async with started(triton.address, papers.client("ageing"), look=0.05):
            await until(lambda: any("expires soon" in line["event"] for line in logs))
            await asyncio.sleep(0.3)
    (warning,) = [line for line in logs if "expires soon" in line["event"]]
    assert (warning["whose"], warning["days"]) == ("STREAMPROC_TRITON__CERTIFICATE_FILE", 0)


def channel_of(engine: TritonPool) -> Channel:
    """Of its one endpoint."""
    (endpoint,) = engine.endpoints
    return endpoint.server._channel


async def until(condition: Any, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  it looks at servers, logs and gRPC
            await asyncio.sleep(0.02)
