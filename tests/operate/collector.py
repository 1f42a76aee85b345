"""The real collector with the configuration that ships, and a stand-in for the backend behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.collector import Span, collector, spans_of
from support.worker_process import free_port

from streamproc.localstack.processes import tied_to_us

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".local/operate/streamproc-collector"
CONFIGURATION = ROOT / "deploy/collector/collector.yaml"
START_SECONDS = 30.0


class Collector:
    """A collector, and what came through it to its backend."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], bodies: list[bytes]) -> None:
        self.address = f"http://127.0.0.1:{port}/v1/traces"
        self._process = process
        self._bodies = bodies

    @property
    def spans(self) -> list[Span]:
        """What has come through."""
        return spans_of(self._bodies)

    def freeze(self) -> None:
        """It takes connections and answers nothing more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def real_collector(folder: Path, **variables: str) -> Iterator[Collector]:
    """One that is ready. ``variables``: of its configuration; it decides about a trace after a second."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: make test-operate builds it"
    port, log = free_port(), folder / "collector.txt"
    # Its own metrics are of no use here, and their port may be taken.
    quiet = folder / "quiet.yaml"
    quiet.write_text("service: {telemetry: {metrics: {level: none}}}")
    with collector(200, "traces") as (backend, bodies):
        environment = {
            **os.environ,
            "LISTEN": f"127.0.0.1:{port}",
            "BACKEND": backend.removesuffix("/v1/traces"),
            "DECIDE_AFTER": "1s",
            **variables,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                tied_to_us([str(PROGRAM), "--config", str(CONFIGURATION), "--config", str(quiet)]),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while "Everything is ready" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield Collector(port, process, bodies)
        finally:
            process.kill()
            process.wait(10)
