"""Forms transactions from what is finished, has them carried out, and books their verdicts. On the event loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from streamproc.transport.errors import OutcomeRefused, TransportError
from streamproc.transport.flight.entries import Entry
from streamproc.transport.flight.ledger import Batch, Ledger
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.sendable import record_metadata
from streamproc.transport.kafka.producing import Committer
from streamproc.transport.kafka.verdicts import Aborted, Committed, InDoubt, Refused, Stopped, Verdict

logger = logging.getLogger(__name__)

#: How long a refused generation waits for its successor before the next attempt.
_GENERATION_S = 1.0
_PAUSE_S = 0.02
#: Every blocking call has a timeout of a few seconds; one that takes longer than this will not come back.
_STUCK_S = 60.0
_WATCH_S = 5.0


class Observer(Protocol):
    """Whom a cycle tells of its transactions; on the event loop."""

    def begin(self) -> Any:
        """A transaction is about to be carried out. Returns what ``end`` is given."""

    def end(self, batch: Batch, verdict: Verdict, state: Any) -> None:
        """It is over."""


class CommitThread:
    """One thread that carries calls out in order. A daemon: a call that never returns must not keep the process."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="rdkafka-commit", daemon=True).start()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have the thread call a function."""
        future: Future[Any] = Future()
        self._calls.put((future, function, args))
        return future

    def _run(self) -> None:
        while True:
            future, function, args = self._calls.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - the caller's to handle
                future.set_exception(error)
            else:
                future.set_result(result)


class Cycle:
    """One transaction at a time, again and again."""

    def __init__(
        self,
        ledger: Ledger,
        committer: Committer,
        interval: float,
        generation: Callable[[], bytes | None],
        refused: Callable[[Entry, OutcomeRefused], None],
        crash: Callable[[BaseException], None],
        observer: Observer,
        portion: Portion,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``refused``: called for an event whose outcome the brokers will never take."""
        self._ledger = ledger
        self._committer = committer
        self._interval = interval
        self._generation = generation
        self._refused = refused
        self._crash = crash
        self._observer = observer
        self._portion = portion
        self._clock = clock
        self._soon = asyncio.Event()
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Future[None]] = set()
        self._due: list[Callable[[], None]] = []
        self._thread = CommitThread()

    async def open(self) -> None:
        """Make the producer ready.

        Raises:
            TransportError: the brokers refuse it.
        """
        await self._in_thread(self._committer.open)

    async def close(self) -> None:
        """Let the producer go."""
        if not self._stuck():
            await self._in_thread(self._committer.close)

    def soon(self) -> None:
        """Do not wait for the interval's end."""
        self._soon.set()

    def after_this(self, call: Callable[[], None]) -> None:
        """Call this at once, or when the verdict of the transaction that is under way is booked."""
        if self._running:
            self._due.append(call)
        else:
            call()

    async def watch(self, stopped: Callable[[], bool]) -> None:
        """Stop the worker when librdkafka does not come back from a call; the next one reads where the group stands."""
        while not stopped():
            await asyncio.sleep(_WATCH_S)
            if self._stuck():
                self._crash(TransportError(f"librdkafka did not return from a call within {_STUCK_S:g} s"))
                return

    def _stuck(self) -> bool:
        since = self._committer.calling_since
        return since is not None and time.monotonic() - since > _STUCK_S

    async def run(self, stopped: Callable[[], bool]) -> None:
        """A transaction every interval, until stopped."""
        while not stopped():
            try:
                async with asyncio.timeout(self._interval):
                    await self._soon.wait()
            except TimeoutError:
                pass
            self._soon.clear()
            await self.once()

    async def once(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Form a transaction and carry it out, waiting at most ``timeout`` seconds.

        Whoever waits may be cancelled, the transaction never: its verdict must be booked, or what it committed would
        be committed again.
        """
        transaction = asyncio.ensure_future(self._transact())
        self._running.add(transaction)
        transaction.add_done_callback(self._over)
        await asyncio.wait({transaction}, timeout=timeout)

    def _over(self, transaction: asyncio.Future[None]) -> None:
        self._running.discard(transaction)
        due, self._due = self._due, []
        for call in due:
            call()

    async def _transact(self) -> None:
        async with self._turn:
            generation = self._generation()  # before the spans: see Ledger.form
            batch = self._ledger.form(generation, self._portion.records, self._portion.size)
            if batch is None:
                return
            state = self._observer.begin()
            began = self._clock()
            try:
                verdict = await self._in_thread(self._committer.commit, batch)
            except (TransportError, Stopped) as error:
                self._crash(error)
                return
            except Exception as error:
                # Nobody waits for this task's result: unbooked, it would be a worker that silently commits no more.
                logger.exception("A transaction failed unexpectedly")
                self._crash(error)
                return
            self._learn(batch, self._clock() - began, committed=isinstance(verdict, Committed))
            if not self._book(batch, verdict):
                return
            match verdict:
                case Committed():
                    for loose in batch.loose:
                        if not loose.sent.done():
                            loose.sent.set_result(record_metadata(loose.outcome, -1))
                case Refused():
                    self._refuse(verdict, certain=batch.one_by_one or verdict.certain)
                case Aborted():
                    logger.info("Transaction aborted: %s", verdict.reason)
            self._keep_loose(batch, verdict)
            self._observer.end(batch, verdict, state)
            if batch.one_by_one:
                self.soon()  # all others wait for the end of the search
            if isinstance(verdict, Aborted):
                await self._before_the_next(generation if verdict.stale else None)

    def _book(self, batch: Batch, verdict: Verdict) -> bool:
        """Book what took effect. False: a table's store did not take it, and the worker stops; the changelog has it."""
        try:
            match verdict:
                case Committed():
                    self._ledger.settle(batch)
                case InDoubt(committed):
                    self._ledger.adopt(committed, batch)
        except Exception as error:
            logger.exception("What is committed could not be booked")
            self._crash(error)
            return False
        return True

    def _learn(self, batch: Batch, seconds: float, *, committed: bool) -> None:
        too_long = self._portion.learn(batch, seconds, committed=committed)
        events = {id(entry): entry for entry, _ in batch.outcomes}
        if too_long and not committed and len(events) == 1:
            (entry,) = events.values()
            where, timeout = entry.where, self._portion.timeout
            logger.warning("%s takes longer to send than the transaction_timeout of %g s: raise it", where, timeout)

    def _keep_loose(self, batch: Batch, verdict: Verdict) -> None:
        """Sends outside events go with the next transaction if not with this one, whether or not somebody waits."""
        if isinstance(verdict, Committed):
            return
        refused = verdict.loose if isinstance(verdict, Refused) else []
        given_up = {id(loose) for loose in refused}
        self._ledger.loose.settle(refused)
        self._ledger.loose.put_back([loose for loose in batch.loose if id(loose) not in given_up])

    async def _before_the_next(self, stale: bytes | None) -> None:
        """Wait a little, and for a newer generation where this one was refused."""
        await asyncio.sleep(_PAUSE_S)
        deadline = time.monotonic() + _GENERATION_S
        while stale is not None and self._generation() == stale:
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(_PAUSE_S)

    def _refuse(self, refused: Refused, *, certain: bool) -> None:
        for loose in refused.loose:
            if not loose.sent.done():
                loose.sent.set_exception(OutcomeRefused(refused.reason, refused.topic, "a send outside any event"))
        if refused.entries and not certain:
            # Brokers refuse whole batches: the guilty one is found by sending the records one by one.
            self._ledger.suspect(refused.entries)
            self.soon()
            return
        for entry in refused.entries:
            self._refused(entry, OutcomeRefused(refused.reason, refused.topic, entry.where))

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.wrap_future(self._thread.submit(function, *args))
