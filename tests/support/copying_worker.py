"""A Faust worker: copies a topic to another, with asynchronous work in between.

``CHAOS_WORKER`` holds its Plan as JSON. Run as ``python copying_worker.py worker``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import faust
from faust.types import EventT

from streamproc.transport import OutcomeRefused, each
from streamproc.transport.kafka import committers, poller
from support.plan import VARIABLE, Plan
from support.plan_app import plan_app

#: What this process does, from the start on.
PLAN: Plan


class HoldingProducer(confluent_kafka.Producer):
    """Stops between send_offsets_to_transaction and commit_transaction while the folder holds a file ``hold``."""

    def commit_transaction(self, *args: Any, **kwargs: Any) -> Any:
        hold = Path(PLAN.folder, "hold")
        if hold.exists():
            Path(PLAN.folder, "held").write_text(str(os.getpid()))
            while hold.exists():
                time.sleep(0.01)
            Path(PLAN.folder, "held").unlink()
        return super().commit_transaction(*args, **kwargs)


class DyingConsumer(confluent_kafka.Consumer):
    """Dies when it gives partitions up in a rebalance while the folder holds a file ``die``."""

    def incremental_unassign(self, *args: Any) -> None:
        if Path(PLAN.folder, "die").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        super().incremental_unassign(*args)


def make_app(plan: Plan) -> faust.App:
    """The app, one agent."""
    app, transport = plan_app(plan, topic_allow_declare=False, web_enabled=False)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    calls = os.open(Path(plan.folder, "calls"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def handle(event: EventT[Any]) -> None:
        value = event.message.value or b""
        text = value.decode()
        if plan.log_calls:
            os.write(calls, b"%s %.3f\n" % (value, time.time()))
        seconds = plan.slow.get(text, plan.exact_work)
        if seconds is None:
            seconds = random.uniform(0, plan.work)
        if seconds:
            await asyncio.sleep(seconds)
        outcome = value + b"." * 2_000_000 if text in plan.large else value
        await sink.send(key=event.message.key, value=outcome, headers={"origin": str(os.getpid()).encode()})
        if text in plan.poison:
            raise ValueError("poison")

    async def refused(event: EventT[Any], error: OutcomeRefused) -> None:
        letters = app.topic(plan.letters, key_serializer="raw", value_serializer="raw")
        await letters.send(key=event.message.key, value=event.message.value, headers={"reason": error.reason.encode()})

    if plan.letters:
        transport.on_refused = refused

    @app.agent(source)
    async def copy(stream: Any) -> None:
        await each(stream, handle, concurrency=plan.concurrency)

    return app


def run(make: Callable[[Plan], faust.App]) -> None:
    """Be a worker with this app, by the plan in the environment."""
    global PLAN
    PLAN = Plan(**json.loads(os.environ[VARIABLE]))
    committers.Producer = HoldingProducer  # type: ignore[attr-defined]
    poller.Consumer = DyingConsumer  # type: ignore[attr-defined]
    make(PLAN).main()


if __name__ == "__main__":
    run(make_app)
