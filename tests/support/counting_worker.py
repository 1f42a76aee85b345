"""A Faust worker that keeps state: it counts by key, moves money between accounts, and collects what it has seen.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python counting_worker.py worker``. It waits between reading and
writing, so that the events of a partition get in each other's way; a plain agent's would lose counts.
"""

from __future__ import annotations

import json
import random
from typing import Any

import faust
from faust.types import EventT

from streamproc.transport import each
from support.copying_worker import run
from support.plan import Plan
from support.plan_app import plan_app

ACCOUNTS = 10
MONEY = 1000
#: All events of a partition count in this one.
HOT = "all"


def make_app(plan: Plan) -> faust.App:
    """The app, one agent and three tables."""
    app, _ = plan_app(plan, topic_partitions=6, web_enabled=False)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    counts = app.Table("counts", default=int, key_type=str)
    accounts = app.Table("accounts", default=lambda: MONEY, key_type=int, value_type=int)
    seen = app.SetTable("seen", key_type=str, value_type=int)

    async def handle(event: EventT[Any]) -> None:
        message: Any = event.message
        key, value = message.key.decode(), int(message.value)
        await plan.pause()
        count = counts[key]
        payer, payee = random.sample(range(ACCOUNTS), 2)
        paid, got = accounts[payer], accounts[payee]
        await plan.pause()
        amount = random.randrange(10)
        counts[key] = count + 1
        accounts[payer], accounts[payee] = paid - amount, got + amount
        seen[key].add(value)
        counts[HOT] += 1
        hot = counts[HOT]
        total = sum(accounts[one] for one in range(ACCOUNTS)) if value % 50 == 0 else MONEY * ACCOUNTS
        outcome = {"value": value, "partition": message.partition, "count": count + 1, "hot": hot, "total": total}
        await sink.send(key=message.key, value=json.dumps(outcome).encode())

    @app.agent(source)
    async def count(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    return app


if __name__ == "__main__":
    run(make_app)
