"""What has run out is recognised however it was wrapped, and stops the worker once."""

from __future__ import annotations

import asyncio
import errno
import faulthandler
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from support.holes import hole

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.health import exhaustion

pytestmark = hole("C8")


def wrapped(cause: BaseException) -> BaseException:
    """As the stages do it: another error in its place, without the cause in its traceback."""
    try:
        try:
            raise cause
        except type(cause):
            raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND, "the file cannot be read") from None
    except StreamprocError as error:
        return ExceptionGroup("tasks", [ValueError("another"), error])


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "file descriptors (ulimit -n)"),
        (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), "file descriptors of the whole machine (fs.file-max)"),
        (RuntimeError("can't start new thread"), "threads, or memory for one (ulimit -u, ulimit -v)"),
        (FileNotFoundError(errno.ENOENT, "no such file"), None),
        (RuntimeError("Session is closed"), None),
    ],
)
def test_a_cause_is_found_however_it_was_wrapped(cause: BaseException, what: str | None) -> None:
    assert exhaustion.exhausted(cause) == what
    assert exhaustion.exhausted(wrapped(cause)) == what


@pytest.fixture
def hooks() -> Iterator[None]:
    """What `install` changes is put back, and no alarm rings."""
    kept = threading.excepthook, sys.unraisablehook, logging.getLogger().handlers[:]
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.unregister(signal.SIGALRM)
    threading.excepthook, sys.unraisablehook, logging.getLogger().handlers[:] = kept


def _accept_fails() -> None:
    context = {"message": "socket.accept() out of system resource", "exception": OSError(errno.EMFILE, "too many")}
    asyncio.get_running_loop().call_exception_handler(context)


def _thread_ends() -> None:
    def run() -> None:
        raise MemoryError

    threading.Thread(target=run).start()


def _librdkafka_says() -> None:
    text = f"Failed to create socket: {os.strerror(errno.EMFILE)}"
    logging.getLogger("librdkafka").error("%s [%s] %s", "FAIL", "rdkafka#consumer-1", text)


@pytest.mark.parametrize("fault", [_accept_fails, _thread_ends, _librdkafka_says])
@pytest.mark.usefixtures("hooks")
async def test_it_stops_the_worker_wherever_it_is_met(fault: object) -> None:
    stopped: asyncio.Queue[StreamprocError] = asyncio.Queue()
    exhaustion.Sentry(stopped.put_nowait, 60).install()
    logging.getLogger("aiohttp").error("another fault", exc_info=ValueError("of the request"))
    assert callable(fault)
    fault()
    fault()
    error = await asyncio.wait_for(stopped.get(), 10)
    assert error.code is ErrorCode.RESOURCES_EXHAUSTED
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    assert 0 < left <= exhaustion.GRACE_S, "a worker that cannot stop in an orderly way is ended"
    await asyncio.sleep(0)
    assert stopped.empty(), "once is enough"


@pytest.mark.usefixtures("hooks")
async def test_it_is_seen_though_nobody_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def dup(_: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    stopped: asyncio.Queue[StreamprocError] = asyncio.Queue()
    monkeypatch.setattr(exhaustion, "LOOK_S", 0)
    monkeypatch.setattr(os, "dup", dup)
    looking = asyncio.create_task(exhaustion.Sentry(stopped.put_nowait, 60).look())
    assert "file descriptors" in (await asyncio.wait_for(stopped.get(), 10)).message
    looking.cancel()


FROZEN = """
import asyncio, ctypes
from streamproc.health.exhaustion import Sentry

async def main():
    sentry = Sentry(print, 3.0)
    sentry.install()
    looking = asyncio.create_task(sentry.look())
    await asyncio.sleep(3.5)
    print("alive", flush=True)
    ctypes.PyDLL(None).sleep(60)  # holds the interpreter's lock

asyncio.run(main())
"""


def test_a_frozen_interpreter_is_ended_with_its_stacks() -> None:
    done = subprocess.run([sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "alive\n", "while the event loop lives, the alarm is put off"
    assert done.returncode == -signal.SIGALRM
    assert "most recent call first" in done.stderr
    assert " in main" in done.stderr


def test_the_soft_limit_of_open_files_is_raised() -> None:
    script = """
import resource
from streamproc.health.exhaustion import raise_descriptor_limit
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
raise_descriptor_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = exhaustion.DESCRIPTORS_WANTED
    assert int(done.stdout) == (most if hard == resource.RLIM_INFINITY else min(hard, most))
