"""A worker in a process of its own, with settings of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamproc.localstack.processes import tied_to_us
from support.waiting import PATIENCE

START_SECONDS = 60.0
"""Two busy cores start a worker in a few seconds; a hanging one fails the test after this."""


PROGRAM = ("-m", "streamproc")
"""What Python runs."""


def streamproc(*arguments: str, program: Sequence[str] = PROGRAM) -> list[str]:
    """The command line of streamproc, tied to this process: it dies with it, however it ends."""
    return tied_to_us([sys.executable, *program, *arguments])


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others of streamproc's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
    return {**inherited, **settings}


def run(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        streamproc(*arguments),
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class WorkerProcess:
    """``streamproc worker``: started at once, its standard error in ``log_file``."""

    def __init__(self, settings: Mapping[str, str], log_file: Path, program: Sequence[str] = PROGRAM) -> None:
        self._log_file = log_file
        self._port = free_port()
        with log_file.open("ab") as output:
            self._process = subprocess.Popen(
                streamproc("worker", program=program),
                env=environment({**settings, "STREAMPROC_WEB__PORT": str(self._port)}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def port(self) -> int:
        """Where its pages are."""
        return self._port

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def log_text(self) -> str:
        """All that it has written."""
        return self._log_file.read_text()

    def log_records(self) -> list[dict[str, Any]]:
        """Its log lines; fails on a line that is not JSON."""
        return [json.loads(line) for line in self.log_text().splitlines()]

    def page(self, path: str) -> str:
        """One of its pages; OSError where it does not answer, HTTPError among them for a status from 400 on."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body.decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        total = 0.0
        for line in self.page("/metrics").splitlines():
            sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if sample is None or sample[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))
            if labels.items() <= found.items():
                total += float(sample[3])
        return total

    def wait_ready(self) -> None:
        """Wait until /health/ready answers 200."""
        self.wait_for(self.is_ready, "readiness", START_SECONDS)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for a condition; fails with the log's end when it does not come true or the worker ends."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            assert self.is_alive, f"the worker ended before {what}:\n{self.log_text()[-4000:]}"
            assert time.monotonic() < deadline, f"no {what} within {seconds * PATIENCE:g} s:\n{self.log_text()[-4000:]}"
            time.sleep(0.05)

    def terminate(self, seconds: float = 30.0) -> int:
        """Send SIGTERM and wait; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait until it ends; the exit code."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """End it in an orderly way, or if need be by force: a killed worker holds its partitions for a while."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.terminate(15)
        self.kill()

    def kill(self) -> None:
        """End it with everything that it started, if it still runs."""
        if self.is_alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def is_ready(self) -> bool:
        """Whether /health/ready answers 200."""
        try:
            self.page("/health/ready")
        except OSError:
            return False
        return True
