"""The unmodified Faust app of the benchmark: what differs from run to run is in the environment, as a deployment's is.

``BROKER``: the URL. ``GUARANTEE``: Faust's processing_guarantee. ``GROUP``, ``SOURCE``, ``SINK``: names.
"""

import os

import faust

app = faust.App(
    os.environ["GROUP"],
    broker=os.environ["BROKER"],
    processing_guarantee=os.environ["GUARANTEE"],
    broker_commit_interval=0.1,
    key_serializer="raw",
    value_serializer="raw",
    topic_disable_leader=True,
    datadir=os.environ["DATADIR"],
)
source = app.topic(os.environ["SOURCE"])
sink = app.topic(os.environ["SINK"])


@app.agent(source)
async def copy(stream):  # type: ignore[no-untyped-def]
    async for event in stream.events():
        await sink.send(key=event.key, value=event.value)


if __name__ == "__main__":
    app.main()
