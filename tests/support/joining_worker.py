"""A Faust worker that joins: orders with a table of users, which other events write; and a stream by another key.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python joining_worker.py worker``. Three agents: of batches, one by
one, and of many events at once:

- ``{source}``: a user's record. The table ``users`` holds how many there were of the key.
- ``{source}-orders``: an order. What the table holds of its key is its outcome, read twice with a wait in between.
- ``{source}-words``: a number, taken by its remainder as a user's key: the table ``totals`` counts those, on the other
  side of a topic, and what ``users`` holds of the key is looked up there.
"""

from __future__ import annotations

import json
from typing import Any

import faust

from streamproc.transport import each
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app

REMAINDERS = 11


def make_app(plan: Plan) -> faust.App:
    """The app."""
    app, _ = plan_app(plan, topic_partitions=plan.partitions, web_enabled=False, store=plan.store)
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    users = app.Table("users", default=int, key_type=str, value_type=int)
    totals = app.Table("totals", default=int, key_type=str, value_type=int, partitions=plan.partitions)

    async def tell(key: bytes, **outcome: Any) -> None:
        await sink.send(key=key, value=json.dumps(outcome).encode())

    async def keep(stream: Any) -> None:
        async for events in stream.take_events(5, within=0.02):
            for event in events:
                users[event.key.decode()] += 1
                await tell(event.key, user=users[event.key.decode()])
            await plan.pause()

    async def join(stream: Any) -> None:
        async for event in stream.events():
            before = users[event.key.decode()]
            await plan.pause()
            await tell(event.key, order=int(event.value), user=before, again=users[event.key.decode()])

    async def count(event: Any) -> None:
        key = event.key.decode()
        shown, user = totals[key] + 1, users[key]
        await plan.pause()
        totals[key] = shown
        await tell(event.key, word=int(event.value), total=shown, user=user, again=users[key])

    async def regroup(stream: Any) -> None:
        by_user = stream.group_by(lambda value: b"key-%d" % (int(value) % REMAINDERS), name="user")
        await each(by_user, count, concurrency=16)

    app.agent(app.topic(plan.source), concurrency=2)(keep)
    app.agent(app.topic(f"{plan.source}-orders"), concurrency=8)(join)
    app.agent(app.topic(f"{plan.source}-words"))(regroup)
    return app


if __name__ == "__main__":
    run(make_app)
