"""Processes that outlive this one (or are tied to it), named so that no other process is ever ended by mistake."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from streamproc.localstack import tied
from streamproc.localstack.errors import StackError
from streamproc.localstack.private import UMASK

LOG_LINES = 20
KILL_TIMEOUT_S = 10.0
CLOCK_TOLERANCE_S = 2.0

_children: list[subprocess.Popen[bytes]] = []
# Linux sends the parent-death signal when the *thread* that made the child ends: this one lasts as long as we do.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="localstack-spawner")


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """A process: its id, and when it started (seconds since 1970), because ids are used again."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """Return the process while it runs; None when it has ended, even if its id has been given to another."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < CLOCK_TOLERANCE_S and _runs(process):
                return process
        return None

    def alive(self) -> bool:
        """Whether this very process runs."""
        return self.find() is not None

    def end(self, grace_s: float = 5.0) -> None:
        """End it and its children: SIGTERM, and SIGKILL for what is left after ``grace_s`` seconds.

        Raises StackError for what even SIGKILL does not end.
        """
        process = self.find()
        if process is None:
            return
        family = [process]
        with contextlib.suppress(psutil.NoSuchProcess):
            family += process.children(recursive=True)
        if grace_s > 0:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
            _wait_gone(family, grace_s)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        if not _wait_gone(family, KILL_TIMEOUT_S):
            raise StackError(f"process {self.pid} does not end")

    def kill(self) -> None:
        """End it and its children at once, with SIGKILL."""
        self.end(grace_s=0)


def _wait_gone(family: Sequence[psutil.Process], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(_runs(member) for member in family):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _runs(process: psutil.Process) -> bool:
    # A zombie has ended and only its parent has not asked about it yet; but other threads may still be ending, and
    # hold its ports until then.
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return process.num_threads() > 1
        return process.is_running()
    except psutil.NoSuchProcess:
        return False


def tied_to_us(command: Sequence[str]) -> list[str]:
    """The command line of one that is killed when this process ends, however it ends (Linux only)."""
    return [sys.executable, "-I", "-S", tied.__file__, str(os.getpid()), *command]


def spawn(command: Sequence[str], log: Path, environment: Mapping[str, str], *, tie: bool) -> ProcessRef:
    """Start a command in a session of its own, its output appended to ``log``; what it writes is its owner's alone.

    It may run where the calling thread may, as any child.

    ``tie``: it is killed when this process ends, however it ends (Linux only); otherwise it outlives this process.
    """
    if tie:
        command = tied_to_us(command)
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else None
    return _spawner.submit(_spawn, command, log, environment, cores).result()


def _spawn(command: Sequence[str], log: Path, environment: Mapping[str, str], cores: set[int] | None) -> ProcessRef:
    if sys.platform == "linux" and cores is not None:
        # Otherwise it would have those of whoever was first to spawn anything.
        os.sched_setaffinity(0, cores)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            umask=UMASK,
        )
    log.chmod(0o600)
    _children.append(child)  # Dropped, a running child would be reported as a leak.
    return ProcessRef(child.pid, psutil.Process(child.pid).create_time())


def wait_ready(part: str, ref: ProcessRef, log: Path, probe: Callable[[], bool], timeout_s: float) -> None:
    """Wait until ``probe`` says that the process serves.

    Raises StackError with the log's last lines when the process ends or ``timeout_s`` runs out; it is ended then.
    """
    deadline = time.monotonic() + timeout_s
    while not probe():
        if not ref.alive():
            raise StackError(f"{part} ended while it was starting.\n{log_tail(log)}")
        if time.monotonic() > deadline:
            ref.kill()
            raise StackError(f"{part} did not answer within {timeout_s:g} s.\n{log_tail(log)}")
        time.sleep(0.05)


def log_tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log, under its name."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return f"{log} was not written"
    last = text.splitlines()[-lines:]
    return "\n".join([f"last lines of {log}:", *(f"  {line}" for line in last)])
