"""The engine "triton": one queue before several Tritons, and answers put together by call.

A call's clips are cut into parts of like length; the queue makes batches of the parts of many calls; each batch goes to
an endpoint that has room for it. Where an endpoint fails, the batch goes to another within the time that it has.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Hashable, Sequence
from contextvars import Context
from random import Random

import structlog

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import PROBE, DoubtfulError, or_blame
from streamproc.inference.batcher import Batcher, Bounds
from streamproc.inference.calls import Call, CallPart, ClipBatch, TritonEndpoint
from streamproc.inference.choice import choose
from streamproc.inference.endpoints import Endpoints
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.inference.statistics import EVERY_S
from streamproc.inference.triton import MAX_CALL_SAMPLES, MOST_CHANGES, Answer, TritonServer
from streamproc.tracing.conventions import CLIPS, SERVER_ADDRESS
from streamproc.tracing.request import request

log = structlog.get_logger(__name__)

FULL_REQUESTS = 2
"""So many requests, at least, an endpoint may have in flight at the most: while one is worked on another waits."""

AHEAD = 2
"""… and at most so many times of what it may have in flight now. (Were requests no larger than that, both would shrink
together: with fewer requests at once the limit grows.)"""

LEAST_LEFT = 0.05
"""Nothing is sent for which a smaller share of its time is left."""

LOOK_S = 0.05
"""Seconds from one look at the endpoints to the next, while something waits that none of them admits."""


class TritonPool:
    """Inference by the Tritons that there are.

    Args:
        endpoints: which there are.
        model: the model's name.
        version: its version; "" for the newest served.
        timeout: seconds from the moment in which a request is sent until it is answered, by whichever endpoint.
        draw: what is random in the choice of an endpoint.
    """

    name = "triton"

    def __init__(
        self, endpoints: Endpoints[TritonServer], model: str, version: str, timeout: float, draw: Random | None = None
    ) -> None:
        self.endpoints = endpoints
        endpoints.changed.append(self._soon)
        self._timeout = timeout
        self._random = draw or Random()  # noqa: S311  it spreads load
        self._queue: Batcher[CallPart] = Batcher(Bounds(1, 1.0))
        self._numbers = itertools.count()
        self._resent: set[CallPart] = set()
        """Those that wait for the second time or more: their time runs."""
        self._batches: set[ClipBatch] = set()
        self._soonest: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        self._vacant = asyncio.Event()
        self._vacant.set()
        self._telling: asyncio.Task[None] | None = None
        self._open = False
        self.model = ModelIdentity(model, version, "")

    async def start(self) -> ModelIdentity:
        """See Engine."""
        # Also where this raises they are looked at on and on: with a fallback the worker starts without them.
        self._open = True
        self._telling = asyncio.create_task(self._tell_loads_on())
        await self.endpoints.start()
        # A server that tells is not probed for what it takes when it is idle.
        await self._tell_loads()
        self.model = next(endpoint.server.model for endpoint in self.endpoints if endpoint.available)
        self._set_bounds()
        return self.model

    @property
    def has_room(self) -> bool:
        """See Engine."""
        return self._queue.has_room

    @property
    def waiting(self) -> float:
        """Seconds of audio that wait for an endpoint."""
        return self._queue.seconds

    async def room(self) -> None:
        """See Engine."""
        while not self.has_room and self._open:
            # A batch may have come back since the last note. To wait for an event that is set gives nobody else a turn:
            # the event loop would stand still for ever.
            self._vacant.clear()
            await self._vacant.wait()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """See Engine."""
        if not self._open:
            raise _closed()
        asked = time.perf_counter()
        if not clips:
            return Inference([], self.model, self.name, 0.0, 0.0)
        call = Call(next(self._numbers), clips, priority, self._queue.bounds)
        self._take_in(call)
        try:
            logits, model = await call.done
            begun = call.begun or asked
            return Inference(logits, model, self.name, begun - asked, time.perf_counter() - begun)
        finally:
            self._leave(call)
            # An exception knows this frame, and the call the exception: the clips would stay until the cycle is found.
            del call

    async def close(self) -> None:
        """See Engine."""
        self._open = False
        for waiting in (self._soonest, self._later):
            if waiting is not None:
                waiting.cancel()
        for call in {part.call for part in self._queue} | {call for batch in self._batches for call in batch.calls}:
            self._fail(call, _closed())
        tasks = [task for task in (self._telling, *(batch.task for batch in self._batches)) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._note()
        await self.endpoints.close()

    def _take_in(self, call: Call) -> None:
        for part in call.parts:
            self._queue.add(part)
        self._note()
        self._soon()

    def _soon(self) -> None:
        """See what can be sent, once for all that happens in this turn of the event loop."""
        if self._soonest is None and self._open:
            # What looks, and what it begins, belongs to no event, though an event has set it going.
            self._soonest = asyncio.get_running_loop().call_soon(self._look, context=Context())

    def _look(self) -> None:
        self._soonest = None
        if self._later is not None:
            self._later.cancel()
            self._later = None
        try:
            self._set_bounds()
            self._end_late_ones()
            self._send_next()
        except Exception as error:  # noqa: BLE001 - whoever waits is told, or would wait for ever
            for call in {part.call for part in self._queue}:
                self._fail(call, error)
        if len(self._queue) and self._soonest is None and self._open:
            self._later = asyncio.get_running_loop().call_later(LOOK_S, self._look, context=Context())
        self._note()

    def _send_next(self) -> None:
        """Send the batch that goes next, if there is an endpoint for it, and look again."""
        usable = [endpoint for endpoint in self.endpoints if endpoint.available]
        free = usable
        for head in self._queue.heads():
            able = [end for end in usable if end not in head.tried and head.only in (None, end)]
            if not able:
                for part in [head] if usable else list(self._queue):
                    self._fail(part.call, part.error or self._unavailable())
                self._soon()
                return
            if self._send(head, [end for end in free if end in able]):
                # A batch counts as in flight from the first step of its task on, which comes before the next look.
                self._soon()
                return
            # Whoever is behind gets none of those that it waits for, or smaller ones would keep it waiting for ever.
            free = [end for end in free if end not in able]

    def _send(self, head: CallPart, endpoints: list[TritonEndpoint]) -> bool:
        """Send the batch of ``head`` to one of them; False: none admits it."""
        while (endpoint := choose(endpoints, head.seconds, self._random)) is not None:
            bounds = Bounds(endpoint.server.max_batch, self._seconds(endpoint))
            batch = ClipBatch(endpoint, self._queue.batch(head, bounds))
            # It may be larger than what was admitted; then it waits whole: cut to what is free, requests would become
            # smaller and smaller.
            if endpoint.admits(batch.seconds):
                self._begin(batch)
                return True
            endpoints = [end for end in endpoints if end is not endpoint]
        return False

    def _begin(self, batch: ClipBatch) -> None:
        loop = asyncio.get_running_loop()
        for part in batch.parts:
            self._queue.remove(part)
            self._resent.discard(part)
            part.batch = batch
            part.deadline = part.deadline or loop.time() + self._timeout
            part.call.begun = part.call.begun or time.perf_counter()
        self._batches.add(batch)
        batch.task = loop.create_task(self._work(batch))
        batch.task.add_done_callback(lambda _: self._over(batch))

    async def _work(self, batch: ClipBatch) -> None:
        """Have one batch answered; whatever happens, each of its parts learns of it."""
        try:
            try:
                answer = await self._ask(batch)
            finally:
                self._over(batch)
        except StreamprocError as error:
            self._failed(batch, error)
        except asyncio.CancelledError:
            for call in batch.calls:
                self._fail(call, _closed())
            raise
        except Exception as error:  # noqa: BLE001 - an exhausted process, or a bug: the callers are told
            for call in batch.calls:
                self._fail(call, error)
        else:
            if answer is None:
                self._send_alone(batch)
            else:
                self._answered(batch, answer)

    def _over(self, batch: ClipBatch) -> None:
        """It is on its way no longer; also one that was given up before its task began."""
        self._batches.discard(batch)
        batch.task = None
        for part in batch.parts:
            if part.batch is batch:
                part.batch = None
        self._soon()

    async def _ask(self, batch: ClipBatch) -> Answer | None:
        """Its answer; None: the server answers other input, and one of the calls in this batch is to blame."""
        left = batch.deadline - asyncio.get_running_loop().time()
        if left > (1 - LEAST_LEFT) * self._timeout:
            return await self._ask_whom(batch)
        # What is left of its time is not the endpoint's to keep: it is not blamed, but the call given up.
        try:
            async with asyncio.timeout(left):
                return await self._ask_whom(batch)
        except TimeoutError:
            raise self._late() from None

    async def _ask_whom(self, batch: ClipBatch) -> Answer | None:
        endpoint, server = batch.endpoint, batch.endpoint.server
        clips, priority = batch.clips, batch.parts[0].priority

        async def infer(samples: Sequence[Samples]) -> Answer:
            noise = samples is not clips
            seconds = batch.seconds if not noise else len(samples) * len(PROBE) / SAMPLE_RATE
            traces = [] if noise else batch.traces
            with request("infer", traces, {SERVER_ADDRESS: endpoint.address, CLIPS: len(samples)}):
                return await endpoint.call(seconds, lambda: server.infer(samples, priority, self._timeout), noise=noise)

        if len(batch.calls) == 1:
            return await or_blame(infer, clips, server.look)
        try:
            return await infer(clips)
        except DoubtfulError:
            await server.look()
            await infer([PROBE] * len(clips))
        return None

    def _answered(self, batch: ClipBatch, answer: Answer) -> None:
        logits = iter(answer.logits)
        for part in batch.parts:
            call, own = part.call, Answer(list(itertools.islice(logits, len(part.places))), answer.model)
            if part.refused:
                # Whoever refused it was wrong: with noise alone it would never be found out.
                part.tried[-1].tally.noted(failed=True)
                part.error = None
            if call.over:
                continue
            if call.answered(part, own):
                self.model = answer.model
            elif call.changes < MOST_CHANGES:
                for each in call.parts:
                    each.only = batch.endpoint
                    self._wait_again(each, company=each.age[0])
            else:
                changing = "the endpoints change the model all the time"
                self._fail(call, StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, changing))

    def _failed(self, batch: ClipBatch, error: StreamprocError) -> None:
        """The endpoint has not answered; another one may, or the same one later, if it is only busy.

        Nor is an event to blame on the word of one endpoint, where there is another.
        """
        if error.code is ErrorCode.INFERENCE_REFUSED and any(part.refused for part in batch.parts):
            for call in batch.calls:  # one
                self._fail(call, error)
            return
        for part in batch.parts:
            part.error = StreamprocError(error.code, error.message)  # Without the frames, which know the part.
            if error.code is not ErrorCode.INFERENCE_BUSY:
                part.tried.append(batch.endpoint)
            self._wait_again(part, company=batch.parts[0].age)
        self._end_late_ones()

    def _send_alone(self, batch: ClipBatch) -> None:
        """Each call by itself, to find which one the model fails on."""
        for part in batch.parts:
            self._wait_again(part, company=part.age[0])

    def _wait_again(self, part: CallPart, company: Hashable) -> None:
        """Together with those of its batch, or with those of its call, and with nobody else."""
        if part.call.over:
            return
        part.company = company
        self._queue.add(part)
        self._resent.add(part)

    def _end_late_ones(self) -> None:
        soon = asyncio.get_running_loop().time() + LEAST_LEFT * self._timeout
        for part in [part for part in self._resent if part.deadline is not None and part.deadline <= soon]:
            self._fail(part.call, part.error or self._late())

    def _fail(self, call: Call, error: BaseException) -> None:
        call.fail(error)
        self._leave(call)

    def _leave(self, call: Call) -> None:
        """Nobody waits for this call any more; a batch for which nobody waits is given up."""
        for part in call.parts:
            self._queue.remove(part)
            self._resent.discard(part)
            batch = part.batch
            if batch is not None and batch.task is not None and all(each.over for each in batch.calls):
                batch.task.cancel()
        call.leave()
        self._note()

    async def _tell_loads_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._tell_loads()
            except Exception:
                # Limits that are told nothing any more would go by probes for ever.
                log.exception("the load of the inference endpoints could not be read")
            self._soon()

    async def _tell_loads(self) -> None:
        """Tell the limit of each endpoint what its server says of its load."""

        async def tell(endpoint: TritonEndpoint) -> None:
            load = await endpoint.server.load(EVERY_S)
            if load is not None:
                endpoint.limiter.served(load.queue_s, load.compute_s, load.batch)

        await asyncio.gather(*(tell(endpoint) for endpoint in self.endpoints if endpoint.available))

    def _note(self) -> None:
        if self.has_room or not self._open:
            self._vacant.set()
        else:
            self._vacant.clear()

    def _seconds(self, endpoint: TritonEndpoint) -> float:
        """Seconds of audio in a request to it, at most."""
        limiter = endpoint.limiter
        return min(AHEAD * limiter.limit, limiter.most / FULL_REQUESTS, MAX_CALL_SAMPLES / SAMPLE_RATE)

    def _set_bounds(self) -> None:
        """The largest request that an endpoint takes."""
        clips = max((endpoint.server.max_batch for endpoint in self.endpoints), default=1)
        seconds = max((self._seconds(endpoint) for endpoint in self.endpoints), default=1.0)
        self._queue.bounds = Bounds(clips, seconds)

    def _late(self) -> StreamprocError:
        return StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s")

    def _unavailable(self) -> StreamprocError:
        names = ", ".join(endpoint.address for endpoint in self.endpoints) or "there is none"
        return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, f"no inference endpoint can be used: {names}")


def _closed() -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")
