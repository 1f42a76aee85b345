"""One key of a table that all events change, 64 at once, each waiting between its read and its write."""

import asyncio
import os

import faust

from streamproc.transport import each

app = faust.App(
    os.environ["GROUP"],
    broker=os.environ["BROKER"],
    processing_guarantee=os.environ["GUARANTEE"],
    key_serializer="raw",
    value_serializer="raw",
    topic_disable_leader=True,
    datadir=os.environ["DATADIR"],
)
source = app.topic(os.environ["SOURCE"])
sink = app.topic(os.environ["SINK"])
counts = app.Table("counts", default=int, partitions=int(os.environ["PARTITIONS"]))


async def handle(event):  # type: ignore[no-untyped-def]
    """Adds one."""
    shown = counts["hot"]
    await asyncio.sleep(0)
    counts["hot"] = shown + 1
    await sink.send(key=event.key, value=b"%d" % (shown + 1))


@app.agent(source)
async def count(stream):  # type: ignore[no-untyped-def]
    await each(stream, handle, concurrency=64)


if __name__ == "__main__":
    app.main()
