"""The same in streamproc's agent style: every event is a task of its own. Environment as for plain_app.py."""

from __future__ import annotations

import os
from typing import Any

import faust

from streamproc.transport import each

app = faust.App(
    os.environ["GROUP"],
    broker=os.environ["BROKER"],
    processing_guarantee="exactly_once",
    key_serializer="raw",
    value_serializer="raw",
    topic_disable_leader=True,
    datadir=os.environ["DATADIR"],
)
source = app.topic(os.environ["SOURCE"])
sink = app.topic(os.environ["SINK"])


async def handle(event: Any) -> None:
    """Copy an event."""
    await sink.send(key=event.key, value=event.value)


@app.agent(source)
async def copy(stream: Any) -> None:
    await each(stream, handle, concurrency=1_000)


if __name__ == "__main__":
    app.main()
