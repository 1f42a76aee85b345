"""Put each result into a database, once: an effect outside Kafka that may be repeated."""

from __future__ import annotations

import os
import sqlite3
import sys
from itertools import islice

from streamproc.client import Connection, Result, ResultSubscriber


def store(database: sqlite3.Connection, result: Result) -> bool:
    """Whether it was not there yet."""
    # The record that it answers: the same after every crash, whoever reads it again.
    place = f"{result.source.topic}/{result.source.partition}/{result.source.offset}"
    with database:  # a transaction: whatever else belongs to the result goes into the same one
        done = database.execute(
            "INSERT INTO reading VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (place, result.activity_id, result.accuracy)
        )
    return done.rowcount == 1


def main(count: int) -> None:
    """Store the next ``count`` results of this group."""
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__RESULT_TOPIC", "reading.result.v1")
    database = sqlite3.connect(os.environ.get("READINGS", "readings.sqlite"))
    database.execute("CREATE TABLE IF NOT EXISTS reading (place TEXT PRIMARY KEY, activity_id TEXT, accuracy REAL)")
    subscriber = ResultSubscriber(connection, group_id="examples-store-results", topic=topic)
    for result in islice(subscriber, count):
        # A result is done when the loop asks for the next one: who crashes before that is given it again.
        print(f"{result.activity_id} {'stored' if store(database, result) else 'was there'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
