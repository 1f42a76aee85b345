"""A plain Faust app of what windows there are, each counting the same events. Nothing in here knows the driver.

``SURFACE`` as for styles.py. Each event tells what its windows hold then; each window tells its value when it closes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import faust
from faust.windows import SlidingWindow

PLAN = json.loads(os.environ["SURFACE"])
NAME: str = PLAN["name"]
#: How long a window stays after its end; shorter than it is, which Faust takes wrong.
EXPIRES = timedelta(seconds=10)

app = faust.App(
    NAME,
    broker=PLAN["broker"],
    processing_guarantee="exactly_once",
    topic_partitions=4,
    datadir=PLAN["folder"],
    web_enabled=False,
)


class Reading(faust.Record):
    """A child has read."""

    learner: str
    at: float


source = app.topic(f"{NAME}-in", key_type=str, value_type=Reading)
seen = app.topic(f"{NAME}-seen", key_type=str)
closed = app.topic(f"{NAME}-closed", key_type=str)


def table(name: str) -> Any:
    """One whose windows are published when they close."""

    async def close(key: Any, value: Any) -> None:
        learner, (start, end) = key
        await closed.send(key=name, value=[learner, start, end, value])

    on_window_close: Callable[[Any, Any], Awaitable[None]] = close
    return app.Table(name, default=list, on_window_close=on_window_close)


WINDOWS = {
    "tumbling": table("tumbling").tumbling(60, expires=EXPIRES),
    "hopping": table("hopping").hopping(60, 30, expires=EXPIRES),
    "sliding": table("sliding").using_window(SlidingWindow(30, 30, EXPIRES)),
    "of_stream": table("of_stream").tumbling(60, expires=EXPIRES).relative_to_stream(),
    "of_field": table("of_field").tumbling(60, expires=EXPIRES).relative_to_field(Reading.at),
    "of_now": table("of_now").tumbling(60, expires=EXPIRES, key_index=True).relative_to_now(),
}


@app.agent(source)
async def count(stream: Any) -> None:
    async for event in stream.events():
        reading, second = event.value, round(event.message.timestamp % 3600)
        for windows in WINDOWS.values():
            windows[reading.learner] += [second]
        held = {name: windows[reading.learner].value() for name, windows in WINDOWS.items()}
        by_now = dict(WINDOWS["of_now"].items())
        left = {name: len(list(windows.table)) for name, windows in WINDOWS.items()}
        await seen.send(key=reading.learner, value={"second": second, **held, "by_now": by_now, "left": left})


if __name__ == "__main__":
    app.main()
