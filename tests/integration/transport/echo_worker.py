"""A worker that copies records whole, and tries what agents may and may not do with sends."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import faust
from faust.types import EventT
from support.plan import VARIABLE, Plan
from support.plan_app import plan_app

from streamproc.transport import SentAfterAck, each


def make_app(plan: Plan) -> faust.App:
    """The app."""
    app, _ = plan_app(plan)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw")
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    notes = app.topic(
        f"{plan.sink}-notes",
        key_serializer="raw",
        value_serializer="raw",
        partitions=3,
        retention=3600,
        compacting=True,
        config={"max.message.bytes": "123456"},
    )

    async def copy(event: EventT[Any]) -> None:
        message = event.message
        sent = await sink.send(key=message.key, value=message.value, headers=event.headers, timestamp=message.timestamp)
        assert (await sent).offset == -1
        if message.key == b"burst" and message.value:
            for number in range(int(message.value)):
                await sink.send(key=b"sent by force", value=b"%d" % number, force=True)
            print("burst sent", flush=True)
        if message.value == b"late":
            event.ack()
            try:
                await sink.send(key=b"late", value=b"never")
            except SentAfterAck as error:
                print(f"late send: {error}", flush=True)

    @app.agent(source)
    async def echo(stream: Any) -> None:
        await each(stream, copy, concurrency=16)

    @app.task  # type: ignore[untyped-decorator]
    async def loose() -> None:
        await notes.declare()
        await notes.declare()  # exists: no error
        for number in range(3):
            sent = await asyncio.wait_for(await notes.send(key=b"note", value=b"%d" % number), 30)
            print(f"loose {number} sent, offset {sent.offset}", flush=True)

    return app


if __name__ == "__main__":
    make_app(Plan(**json.loads(os.environ[VARIABLE]))).main()
