"""Workers and a server in simulated time, for what bounds the work in flight: half an hour takes a second or two.

The server stands in for Triton: instances, a bounded queue, dynamic batching, and statistics of queueing and computing.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from streamproc.inference.limiter import Ended


class Simulation:
    """A clock that jumps from one event to the next."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, time: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), happens))

    def every(self, seconds: float, happens: Callable[[], None]) -> None:
        def again() -> None:
            happens()
            self.at(self.now + seconds, again)

        self.at(self.now + seconds, again)

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
        self.now = until


class Limits(Protocol):
    """What the simulated workers ask of a limiter."""

    limit: float

    def admits(self, seconds: float) -> bool: ...
    def began(self, seconds: float) -> None: ...
    def ended(self, seconds: float, latency: float, outcome: Ended) -> None: ...


@dataclass
class Request:
    """One request on its way, and what became of it."""

    worker: int
    seconds: float
    began: float
    arrived: float = 0.0
    queued: float = 0.0
    computed: float = 0.0
    answered: float = 0.0


@dataclass
class Server:
    """``instances`` of a model; each takes up to ``most`` of the waiting requests and computes them for
    ``service(seconds of each)``.
    """

    simulation: Simulation
    service: Callable[[list[float]], float]
    instances: int = 1
    most: int = 1
    queue: int = 1_000_000
    away: float = 0.0
    """Seconds to the server, and back."""
    answer: Callable[[Request, bool], None] = lambda request, accepted: None
    waiting: deque[Request] = field(default_factory=deque)
    busy: int = 0
    count: int = 0
    executions: int = 0
    queued: float = 0.0
    computed: float = 0.0

    def take(self, request: Request) -> None:
        """A request arrives, sooner or later."""
        self.simulation.at(self.simulation.now + self.away, lambda: self._arrives(request))

    def resize(self, instances: int) -> None:
        self.instances = instances
        self._fill()

    def _arrives(self, request: Request) -> None:
        request.arrived = self.simulation.now
        if self.busy >= self.instances and len(self.waiting) >= self.queue:
            self._answer(request, accepted=False)
            return
        self.waiting.append(request)
        self._fill()

    def _fill(self) -> None:
        while self.waiting and self.busy < self.instances:
            batch = [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]
            took = self.service([request.seconds for request in batch])
            self.busy += 1
            for request in batch:
                request.queued, request.computed = self.simulation.now - request.arrived, took
            self.simulation.at(self.simulation.now + took, lambda batch=batch: self._done(batch))  # type: ignore[misc]

    def _done(self, batch: list[Request]) -> None:
        self.busy -= 1
        self.executions += 1
        for request in batch:
            self.count += 1
            self.queued += request.queued
            self.computed += request.computed
            self._answer(request, accepted=True)
        # What is answered now is asked for anew before the next batch is formed, where the way is short.
        self.simulation.at(self.simulation.now, self._fill)

    def _answer(self, request: Request, accepted: bool) -> None:
        def arrives() -> None:
            request.answered = self.simulation.now
            self.answer(request, accepted)

        self.simulation.at(self.simulation.now + self.away, arrives)


class Statistics:
    """Between two readings: means of queueing, computing and batch."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._last = (0, 0, 0.0, 0.0)

    def read(self) -> tuple[float, float, float] | None:
        server = self._server
        now = (server.count, server.executions, server.queued, server.computed)
        number, executions, queued, computed = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        return (queued / number, computed / number, number / executions) if number else None


class Worker:
    """One process with a limiter. ``rate`` requests a second arrive at it; None: more always waits."""

    def __init__(
        self,
        simulation: Simulation,
        server: Server,
        limiter: Limits,
        number: int,
        size: Callable[[], float],
        rate: float | None,
        rng: random.Random,
    ) -> None:
        self.limiter = limiter
        self._simulation, self._server = simulation, server
        self._number, self._size, self._rate, self._rng = number, size, rate, rng
        self._backlog: deque[float] = deque()
        self._pausing = False

    def start(self) -> None:
        if self._rate is not None:
            self._arrive()
        self.send()

    def rush(self) -> None:
        """From now on more always waits."""
        self._rate = None
        self.send()

    def _arrive(self) -> None:
        if self._rate is None:
            return
        self._backlog.append(self._size())
        self._simulation.at(self._simulation.now + self._rng.expovariate(self._rate), self._arrive)
        self.send()

    def send(self) -> None:
        """Send what the limit allows, the oldest first."""
        while not self._pausing:
            if not self._backlog:
                if self._rate is not None:
                    return
                self._backlog.append(self._size())
            if not self.limiter.admits(self._backlog[0]):
                return
            seconds = self._backlog.popleft()
            self.limiter.began(seconds)
            self._server.take(Request(self._number, seconds, self._simulation.now))

    def answered(self, request: Request, accepted: bool) -> None:
        latency = self._simulation.now - request.began
        self.limiter.ended(request.seconds, latency, Ended.ANSWERED if accepted else Ended.BUSY)
        if not accepted:
            self._backlog.appendleft(request.seconds)
            if not self._pausing:
                # Whoever is told that the queue is full tries again a little later.
                self._pausing = True
                self._simulation.at(self._simulation.now + 0.05, self._resume)
        else:
            self.send()

    def _resume(self) -> None:
        self._pausing = False
        self.send()


@dataclass
class Load:
    """A run: what was asked for and how it went."""

    service: Callable[[list[float]], float]
    limiters: list[Callable[[Callable[[], float]], Limits]]
    instances: int = 1
    most: int = 1
    queue: int = 1_000_000
    away: float = 0.0
    size: Callable[[], float] = lambda: 1.0
    rate: float | None = None
    tells: bool = True
    """Whether the server tells its statistics; they are read once a second."""
    seed: int = 1
    done: list[Request] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    limits: list[tuple[float, list[float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulation = simulation = Simulation()
        rng = random.Random(self.seed)
        self.server = Server(simulation, self.service, self.instances, self.most, self.queue, self.away)
        self.workers = [
            Worker(simulation, self.server, make(lambda: simulation.now), number, self.size, self.rate, rng)
            for number, make in enumerate(self.limiters)
        ]
        self.server.answer = self._answer
        for number, worker in enumerate(self.workers):
            served = getattr(worker.limiter, "served", None)
            if self.tells and served is not None:
                # No two workers ask at the same moment.
                simulation.at(rng.random(), self._reading(Statistics(self.server), served))
            simulation.at(0.001 * number, worker.start)
        simulation.every(1.0, lambda: self.limits.append((simulation.now, [w.limiter.limit for w in self.workers])))

    def _reading(self, statistics: Statistics, served: Callable[[float, float, float], None]) -> Callable[[], None]:
        def read() -> None:
            if (found := statistics.read()) is not None:
                served(*found)
            self.simulation.at(self.simulation.now + 1.0, read)

        return read

    def _answer(self, request: Request, accepted: bool) -> None:
        if accepted:
            self.done.append(request)
        else:
            self.refused.append(request.answered)
        self.workers[request.worker].answered(request, accepted)

    def between(self, begin: float, end: float) -> list[Request]:
        return [request for request in self.done if begin <= request.answered < end]

    def rate_between(self, begin: float, end: float) -> float:
        """Seconds of audio answered a second."""
        return sum(request.seconds for request in self.between(begin, end)) / (end - begin)

    def queueing(self, begin: float, end: float, share: float = 0.99) -> float:
        """Seconds in the server's queue: so many of the requests had no more."""
        queued = sorted(request.queued for request in self.between(begin, end))
        return queued[int(share * (len(queued) - 1))]

    def run(self, until: float) -> Load:
        self.simulation.run(until)
        return self


class Fixed:
    """A limit that stays."""

    def __init__(self, limit: float) -> None:
        self.limit, self.in_flight = limit, 0.0

    def admits(self, seconds: float) -> bool:
        return self.in_flight < self.limit - 1e-9

    def began(self, seconds: float) -> None:
        self.in_flight += seconds

    def ended(self, seconds: float, latency: float, outcome: Ended) -> None:
        self.in_flight = max(0.0, self.in_flight - seconds)
