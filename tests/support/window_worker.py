"""A Faust worker that sums what comes in tumbling and in hopping windows, and publishes each window once it closes.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python window_worker.py worker``. A close waits before it sends, as an
event does before it counts: so workers die in the middle of both.
"""

from __future__ import annotations

import json
from typing import Any

import faust
from faust.types import EventT

from streamproc.transport import each
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app
from support.window_judge import FLUSH, GRACE, SIZE, STEP, weight


def make_app(plan: Plan) -> faust.App:
    """The app, one agent and two tables."""
    app, _ = plan_app(plan, topic_partitions=plan.partitions, web_enabled=False, store=plan.store)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")

    def publish(table: str) -> Any:
        async def close(key: Any, value: int) -> None:
            name, (start, _) = key
            await plan.pause()
            await sink.send(key=json.dumps([table, name, start]).encode(), value=b"%d" % value)

        return close

    fixed: Any = app.Table("fixed", default=int, grace=GRACE, on_window_close=publish("fixed")).tumbling(SIZE)
    hops: Any = app.Table("hops", default=int, on_window_close=publish("hops")).hopping(SIZE, STEP, expires=GRACE)

    async def handle(event: EventT[Any]) -> None:
        message: Any = event.message
        if message.value == FLUSH:
            return
        name = message.key.decode()
        await plan.pause()
        fixed[name] += weight(int(message.value))
        await plan.pause()
        hops[name] += weight(int(message.value))

    @app.agent(source)
    async def agent(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    return app


if __name__ == "__main__":
    run(make_app)
