"""A Faust worker that works on each number once: a Deduplicator tells what has come before.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python deduplicating_worker.py worker``. The outcome of an event is
its own position, and that of the first event of its number. It waits between asking and remembering.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import faust
from faust.types import EventT

from streamproc.transport import Deduplicator, each
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app

WINDOW = timedelta(minutes=10)


def make_app(plan: Plan) -> faust.App:
    """The app, one agent."""
    app, _ = plan_app(plan, topic_partitions=plan.partitions, web_enabled=False, store=plan.store)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    seen = Deduplicator(app, "seen", window=WINDOW)

    async def handle(event: EventT[Any]) -> None:
        message: Any = event.message
        number, position = message.value.decode(), f"{message.partition}/{message.offset}"
        first = seen.find(number)
        await plan.pause()
        if first is None:
            seen.remember(number, note=position)
        outcome = {"number": number, "position": position, "first": first.note if first else position}
        await sink.send(key=message.key, value=json.dumps(outcome).encode())

    @app.agent(source)
    async def agent(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    return app


if __name__ == "__main__":
    run(make_app)
