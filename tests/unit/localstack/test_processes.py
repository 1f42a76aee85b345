"""Processes are found by id and start time, ended with their children, and tied to their parent when asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from streamproc.localstack.errors import StackError
from streamproc.localstack.processes import ProcessRef, log_tail, spawn, wait_ready

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that no stack has started."""
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_a_process_of_another_start_time_is_not_ours(stranger: subprocess.Popen[bytes]) -> None:
    started = psutil.Process(stranger.pid).create_time()
    ours = ProcessRef(stranger.pid, started)
    older = ProcessRef(stranger.pid, started - 60)

    assert ours.alive()
    assert not older.alive()
    older.kill()
    assert stranger.poll() is None


def test_a_process_that_has_ended_is_not_alive(stranger: subprocess.Popen[bytes]) -> None:
    ours = ProcessRef(stranger.pid, psutil.Process(stranger.pid).create_time())
    stranger.kill()  # Not waited for: it stays a zombie.
    deadline = time.monotonic() + 30
    while ours.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not ours.alive()


def test_ending_a_process_ends_its_children_even_if_they_ignore_the_signal(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"
    log = tmp_path / "log"
    ref = spawn([sys.executable, "-c", parent], log, os.environ, tie=True)
    _until(lambda: log.read_text() == "up\n")
    family = [psutil.Process(ref.pid), *psutil.Process(ref.pid).children(recursive=True)]
    assert len(family) == 2

    ref.end(grace_s=0.2)

    assert not ref.alive()
    _until(lambda: not any(_runs(member) for member in family))


def test_a_tied_process_dies_with_its_parent_and_another_does_not(tmp_path: Path) -> None:
    command = "import time; print('up', flush=True); time.sleep(60)"
    script = f"""
import os, sys, time
from pathlib import Path
from streamproc.localstack.processes import spawn
for name, tie in (("tied", True), ("free", False)):
    log = Path({str(tmp_path)!r}) / name
    ref = spawn([sys.executable, "-c", {command!r}], log, os.environ, tie=tie)
    while not log.read_text():
        time.sleep(0.01)
    print(ref.pid, ref.started, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        tied, free = (_ref(parent.stdout.readline()) for _ in range(2))
        try:
            assert tied.alive()
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            _until(lambda: not tied.alive())
            assert free.alive()
        finally:
            free.kill()


def test_a_process_runs_where_the_one_that_starts_it_may(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    seen = []
    try:
        for cores in (before, {min(before)}, {max(before)}):
            os.sched_setaffinity(0, cores)
            ref = spawn(SLEEP, tmp_path / "log", os.environ, tie=True)
            seen.append(os.sched_getaffinity(ref.pid))
            ref.kill()
    finally:
        os.sched_setaffinity(0, before)
    assert seen == [before, {min(before)}, {max(before)}]


def test_a_part_that_ends_at_its_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    ref = spawn([sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], log, os.environ, tie=True)
    with pytest.raises(StackError, match=r"Part ended while it was starting(.|\n)*part\.log(.|\n)*the reason"):
        wait_ready("Part", ref, log, lambda: False, 30)


def test_a_part_that_never_answers_is_ended(tmp_path: Path) -> None:
    ref = spawn(SLEEP, tmp_path / "log", os.environ, tie=True)
    with pytest.raises(StackError, match=r"Part did not answer within 0\.2 s"):
        wait_ready("Part", ref, tmp_path / "log", lambda: False, 0.2)
    assert not ref.alive()


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("".join(f"line {number}\n" for number in range(100)).encode() + b"\xff")
    tail = log_tail(log, lines=3).splitlines()
    assert [line.strip() for line in tail[1:]] == ["line 98", "line 99", "\ufffd"]
    assert "was not written" in log_tail(tmp_path / "none")


def _ref(line: str) -> ProcessRef:
    pid, started = line.split()
    return ProcessRef(int(pid), float(started))


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        time.sleep(0.02)
