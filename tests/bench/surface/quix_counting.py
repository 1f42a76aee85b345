"""quixstreams, exactly-once, counting by key in its state (RocksDB). Environment as for plain_app.py."""

import os

from quixstreams import Application  # type: ignore[import-not-found]

app = Application(
    broker_address=os.environ["BOOTSTRAP"],
    consumer_group=os.environ["GROUP"],
    processing_guarantee="exactly-once",
    commit_interval=0.1,
    auto_offset_reset="earliest",
    auto_create_topics=True,
    state_dir=os.environ["DATADIR"],
    loglevel="WARNING",
)
source = app.topic(os.environ["SOURCE"], key_deserializer="bytes", value_deserializer="bytes")
sink = app.topic(os.environ["SINK"], key_serializer="bytes", value_serializer="bytes")


def count(value, state):  # type: ignore[no-untyped-def]
    """How many there were of this key, this one included."""
    number = state.get("count", 0) + 1
    state.set("count", number)
    return b"%d" % number


app.dataframe(source).apply(count, stateful=True).to_topic(sink)

if __name__ == "__main__":
    app.run()
