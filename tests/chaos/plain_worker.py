"""The chaos worker as a Faust user writes it, see copying_worker.py.

The stream acknowledges and ``concurrency`` is Faust's; or, under ``noack()``, the agent makes tasks that acknowledge.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import faust
from faust.types import EventT

from streamproc.transport.kafka import committers

sys.path.insert(0, str(Path(__file__).parent.parent))

from support import copying_worker as worker
from support.copying_worker import HoldingProducer
from support.plan import VARIABLE, Plan

PLAN = Plan(**json.loads(os.environ[VARIABLE]))
worker.PLAN = PLAN

app = faust.App(
    PLAN.group,
    broker=f"rdkafka://{PLAN.bootstrap}?{urlencode(PLAN.settings)}",
    processing_guarantee="exactly_once",
    key_serializer="raw",
    value_serializer="raw",
    topic_disable_leader=True,
    web_enabled=False,
    datadir=PLAN.folder,
)
source = app.topic(PLAN.source)
sink = app.topic(PLAN.sink)
calls = os.open(Path(PLAN.folder, "calls"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


async def handle(event: EventT[Any]) -> None:
    value: Any = event.value
    os.write(calls, b"%s %.3f\n" % (value, time.time()))
    await asyncio.sleep(random.uniform(0, PLAN.work))
    await sink.send(key=event.key, value=value)


async def copy(stream: Any) -> None:
    async for event in stream.events():
        await handle(event)


async def copy_in_tasks(stream: Any) -> None:
    room = asyncio.Semaphore(PLAN.concurrency)
    tasks: set[asyncio.Task[None]] = set()

    async def work(event: EventT[Any]) -> None:
        await handle(event)
        event.ack()

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        room.release()

    async for event in stream.noack().events():
        await room.acquire()
        task = asyncio.create_task(work(event))
        tasks.add(task)
        task.add_done_callback(done)


if PLAN.noack:
    app.agent(source)(copy_in_tasks)
else:
    app.agent(source, concurrency=PLAN.concurrency)(copy)


if __name__ == "__main__":
    committers.Producer = HoldingProducer  # type: ignore[attr-defined]
    app.main()
