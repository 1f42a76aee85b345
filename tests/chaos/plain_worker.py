"""The chaos worker as a Faust user writes it: the stream acknowledges, ``concurrency`` is Faust's. See worker.py."""

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

from streamproc.transport import transaction

sys.path.insert(0, str(Path(__file__).parent.parent))

from chaos import worker
from chaos.worker import VARIABLE, HoldingProducer, Plan

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


@app.agent(source, concurrency=PLAN.concurrency)
async def copy(stream: Any) -> None:
    async for event in stream.events():
        os.write(calls, b"%s %.3f\n" % (event.value, time.time()))
        await asyncio.sleep(random.uniform(0, PLAN.work))
        await sink.send(key=event.key, value=event.value)


if __name__ == "__main__":
    transaction.Producer = HoldingProducer  # type: ignore[attr-defined]
    app.main()
