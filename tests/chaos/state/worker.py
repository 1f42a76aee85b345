"""A Faust worker with two tables, whose events are worked on out of order, many at once.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python worker.py worker``. Each event has one outcome, in the sink's
partition of its own number:

- ``count KEY``: adds one to the counter; the outcome is what it shows then.
- ``move FROM TO AMOUNT``: moves so much between two accounts, or nothing if there is not enough; the outcome says how
  much.
- ``show``: the outcome is what both tables hold for this partition.
"""

from __future__ import annotations

import json
from typing import Any

import faust
from faust.types import EventT
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app

from streamproc.transport import each

#: What every account begins with.
BALANCE = 1_000


def make_app(plan: Plan) -> faust.App:
    """The app, one agent."""
    app, _ = plan_app(plan, web_enabled=False, store=plan.store)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    counts = app.Table("counts", default=int, partitions=plan.partitions)
    accounts = app.Table("accounts", default=lambda: BALANCE, partitions=plan.partitions)

    async def count(key: str) -> bytes:
        shown = counts[key]
        await plan.pause()
        counts[key] = shown + 1
        return b"%d" % (shown + 1)

    async def move(giver: str, taker: str, amount: int) -> bytes:
        has = accounts[giver]
        await plan.pause()
        gets = accounts[taker]
        await plan.pause()
        moved = amount if has >= amount and giver != taker else 0
        if moved:
            accounts[giver] = has - moved
            accounts[taker] = gets + moved
        return b"%d" % moved

    async def handle(event: EventT[Any]) -> None:
        what, *more = (event.message.value or b"").decode().split()
        match what:
            case "count":
                outcome = await count(*more)
            case "move":
                outcome = await move(more[0], more[1], int(more[2]))
            case _:
                outcome = json.dumps({"counts": dict(counts.items()), "accounts": dict(accounts.items())}).encode()
        await sink.send(key=event.message.value, value=outcome, partition=event.message.partition)

    @app.agent(source)
    async def agent(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    return app


if __name__ == "__main__":
    run(make_app)
