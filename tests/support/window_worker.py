"""A Faust worker that sums what comes in tumbling and in hopping windows, and publishes each window once it closes.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python window_worker.py worker``. A close waits before it sends, as an
event does before it counts: so workers die in the middle of both. While the folder holds a file ``hold-close`` a close
waits for ever once it has sent. A second agent counts by another key, behind a ``group_by``.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import faust
from faust.types import EventT

from streamproc.transport import each
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app
from support.window_judge import FLUSH, GRACE, SIZE, STEP, regrouped_key, weight


def held(plan: Plan) -> bool:
    """Whether a close is to wait; says that it does."""
    wanted = Path(plan.folder, "hold-close").exists()
    if wanted:
        Path(plan.folder, "held-close").touch()
    return wanted


def make_app(plan: Plan) -> faust.App:
    """The app: two agents and three tables."""
    app, _ = plan_app(plan, topic_partitions=plan.partitions, web_enabled=False, store=plan.store)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")

    def publish(table: str) -> Any:
        async def close(key: Any, value: int) -> None:
            name, (start, _) = key
            await plan.pause()
            await sink.send(key=json.dumps([table, name, start]).encode(), value=b"%d" % value)
            if held(plan):
                await asyncio.Event().wait()

        return close

    fixed: Any = app.Table("fixed", default=int, grace=GRACE, on_window_close=publish("fixed")).tumbling(SIZE)
    regrouped: Any = app.Table(
        "regrouped", default=int, grace=GRACE, partitions=plan.partitions, on_window_close=publish("regrouped")
    ).tumbling(SIZE)
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

    async def handle_regrouped(event: EventT[Any]) -> None:
        message: Any = event.message
        if message.value != FLUSH:
            await plan.pause()
            regrouped[message.key.decode()] += weight(int(message.value))

    @app.agent(source)
    async def agent(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    @app.agent(source, name="regroup")
    async def regroup(stream: Any) -> None:
        await each(stream.group_by(regrouped_key, name="few"), handle_regrouped, concurrency=plan.concurrency)

    return app


if __name__ == "__main__":
    run(make_app)
