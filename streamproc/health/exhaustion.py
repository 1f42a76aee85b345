"""Out of memory, file descriptors or threads: the worker stops with the reason, and its supervisor starts it again.

A process that has run out of them goes on in pieces: its pages answer while nothing is consumed, or its log grows by
thousands of lines. Whatever meets such an error logs it in the end: the event loop (an accept that fails, a callback
that raises), the web server, a thread, librdkafka in a line of its own. So there is one place that listens, to the log,
and one that looks by itself, since a library may keep what it met to itself.

Worse, librdkafka may wait for ever, inside a call that holds the interpreter's lock, for threads that were never made:
then no line of Python runs again. So an alarm of the system is set, and put off again and again while the event loop
lives; it needs neither the lock nor memory. When it rings, the stacks are written and the process ends.
"""

from __future__ import annotations

import asyncio
import errno
import faulthandler
import logging
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from streamproc.errors import ErrorCode, StreamprocError

logger = logging.getLogger(__name__)

GRACE_S = 15
"""Seconds for an orderly stop; who cannot even do that is ended by the alarm. Nothing is lost either way."""

LOOK_S = 1.0

DESCRIPTORS_WANTED = 65_536

_BY_ERRNO = {
    errno.EMFILE: "file descriptors (ulimit -n)",
    errno.ENFILE: "file descriptors of the whole machine (fs.file-max)",
    errno.ENOMEM: "memory",
}
_BY_TEXT = {os.strerror(number): what for number, what in _BY_ERRNO.items()}
_NO_THREAD = "can't start new thread"


def exhausted(error: BaseException | None) -> str | None:
    """What the process has no more of, where that is the cause of an error, however often it was wrapped."""
    return next((what for each in _causes(error) if (what := _exhausted(each)) is not None), None)


def _exhausted(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return "threads, or memory for one (ulimit -u, ulimit -v)"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    open_ends = [error]
    while open_ends:
        each = open_ends.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        open_ends += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            open_ends += each.exceptions


def failure(what: str) -> StreamprocError:
    """RESOURCES_EXHAUSTED, which is fatal."""
    return StreamprocError(ErrorCode.RESOURCES_EXHAUSTED, f"there is no more of: {what}")


def raise_descriptor_limit() -> None:
    """Allow this process as many open files as its hard limit, up to DESCRIPTORS_WANTED.

    The soft limit is 1,024 as a rule, for the sake of programs that use select(2); this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Sentry(logging.Handler):
    """Stops the worker, once, when something has run out, and ends it when its event loop stands still.

    Args:
        stop: called on the event loop with the reason; it must end the process within GRACE_S.
        patience: seconds that the event loop may stand still.
    """

    def __init__(self, stop: Callable[[StreamprocError], None], patience: float) -> None:
        super().__init__(logging.WARNING)
        self._stop = stop
        self._patience = patience
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def install(self) -> None:
        """Listen to all that is logged; what ends a thread or is raised where nobody can catch it is logged too.

        And set the alarm: whoever installs this has ``look`` run from now on.
        """
        faulthandler.register(signal.SIGALRM, file=sys.stderr, all_threads=True, chain=True)
        self._set_alarm(self._patience)
        logging.getLogger().addHandler(self)
        threading.excepthook = self._thread_ended
        sys.unraisablehook = self._raised_in_vain

    async def look(self) -> None:
        """Show that the event loop lives, and look whether a file can be opened, until cancelled."""
        try:
            while not self._stopping:
                self._set_alarm(self._patience)
                await asyncio.sleep(LOOK_S)
                try:
                    os.close(os.dup(sys.stderr.fileno()))
                except OSError as error:
                    if (what := exhausted(error)) is not None:
                        self.stop(what)
        finally:
            if not self._stopping:
                self._set_alarm(0)

    @staticmethod
    def _set_alarm(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def emit(self, record: logging.LogRecord) -> None:
        """Judge a line of the log."""
        what = exhausted(record.exc_info[1]) if record.exc_info else None
        if what is None and record.name.startswith("librdkafka"):
            text = record.getMessage()
            what = next((what for reason, what in _BY_TEXT.items() if reason in text), None)
        if what is not None:
            self.stop(what)

    def stop(self, what: str) -> None:
        """Stop the worker, for it has no more of ``what``. From any thread."""
        if self._stopping:
            return
        self._stopping = True
        self._set_alarm(GRACE_S)
        self._loop.call_soon_threadsafe(self._stop, failure(what))

    def _thread_ended(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            self._told(f"thread {args.thread.name if args.thread else '?'} ended", args.exc_value)

    def _raised_in_vain(self, args: Any) -> None:
        self._told("raised where nothing can catch it", args.exc_value)

    def _told(self, what: str, error: BaseException | None) -> None:
        if (lacking := exhausted(error)) is not None:
            self.stop(lacking)
        # An error's text may quote an event: the log gets the stack alone.
        stack = traceback.format_tb(error.__traceback__) if error is not None else []
        logger.error("%s: %s\n%s", what, type(error).__name__, "".join(stack))
