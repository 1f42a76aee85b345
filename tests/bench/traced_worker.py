"""A worker that changes, every second, how its events are traced, and notes what they cost meanwhile.

Run by tests/bench/tracing.py. The states take turns in one process, each time in another order: caches, neighbours and
the age of the process are the same for all. ``none``: what the code does for traces is taken out, as far as it can be;
``off``: it is there, and nothing is traced; ``on``: STREAMPROC_TRACING__RATIO.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from streamproc import app
from streamproc.__main__ import main
from streamproc.agents import outcome, reading
from streamproc.inference import calls, pool
from streamproc.scoring import activity

STATES = ("none", "off", "on")
SETTLE_S = 0.25
"""After each change: what has begun in the state before ends."""


class _Nothing:
    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def set(self, _: object) -> None: ...


_PLACES: list[tuple[Any, str, Any]] = [
    (reading, "stage", _Nothing),
    (activity, "stage", _Nothing),
    (reading, "current", _Nothing()),
    (reading.ReadingAgent, "_traced", lambda *_: nullcontext()),
    (outcome, "correlation_of", lambda _: ""),
    (calls, "current_trace", lambda: None),
    (pool, "request", lambda *_: nullcontext()),
]
_OWN = [getattr(place, name) for place, name, _ in _PLACES]


def take_out(out: bool) -> None:
    """Take what the code does for traces out, or put it back."""
    for (place, name, nothing), own in zip(_PLACES, _OWN, strict=True):
        setattr(place, name, nothing if out else own)


_watch = reading.ReadingAgent._watch
_ended = itertools.count()


def _counting(*arguments: Any) -> None:
    next(_ended)
    _watch(*arguments)


class _Measured(app.WorkerApp):
    async def on_start(self) -> None:
        """As the worker's."""
        await super().on_start()
        self.add_future(self._measure())

    async def _measure(self) -> None:
        rounds, seconds = int(os.environ["BENCH_ROUNDS"]), float(os.environ["BENCH_SECONDS"])
        (agent,) = [one for one in self._agents._agents.values() if isinstance(one, reading.ReadingAgent)]
        tracing = agent._tracing
        setattr(reading.ReadingAgent, "_watch", _counting)  # noqa: B010 - called for each event, at its end
        while self.monitor.events_total < int(os.environ["BENCH_WARM_UP"]):  # noqa: ASYNC110 - it goes on by itself
            await asyncio.sleep(0.1)
        found: list[dict[str, Any]] = []
        for order in itertools.islice(itertools.cycle(itertools.permutations(STATES)), rounds):
            for state in order:
                agent._tracing = tracing if state == "on" else None
                take_out(state == "none")
                await asyncio.sleep(SETTLE_S)
                wall, cpu, events = time.perf_counter(), time.process_time(), next(_ended)
                await asyncio.sleep(seconds)
                events = next(_ended) - events - 1
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                found.append({"state": state, "events": events, "wall": wall, "cpu": cpu})
        await asyncio.to_thread(Path(os.environ["BENCH_FILE"]).write_text, json.dumps(found))


if __name__ == "__main__":
    app.WorkerApp = _Measured  # type: ignore[misc]
    main()
