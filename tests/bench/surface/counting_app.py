"""An unmodified Faust app that counts its events by key. Environment as for plain_app.py, and ``STORE``.

``STORE``: where the table is kept; ``none``: there is none, and nothing is counted.
"""

import os

import faust

STORE = os.environ["STORE"]
app = faust.App(
    os.environ["GROUP"],
    broker=os.environ["BROKER"],
    processing_guarantee=os.environ["GUARANTEE"],
    broker_commit_interval=0.1,
    key_serializer="raw",
    value_serializer="raw",
    topic_disable_leader=True,
    datadir=os.environ["DATADIR"],
    store="memory://" if STORE == "none" else STORE,
)
source = app.topic(os.environ["SOURCE"])
sink = app.topic(os.environ["SINK"])

if STORE == "none":

    @app.agent(source)
    async def pass_on(stream):  # type: ignore[no-untyped-def]
        async for event in stream.events():
            await sink.send(key=event.key, value=b"1")

else:
    counts = app.Table("counts", default=int, partitions=int(os.environ["PARTITIONS"]))

    @app.agent(source)
    async def count(stream):  # type: ignore[no-untyped-def]
        async for event in stream.events():
            counts[event.key.decode()] += 1
            await sink.send(key=event.key, value=b"%d" % counts[event.key.decode()])


if __name__ == "__main__":
    app.main()
