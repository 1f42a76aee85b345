"""Fill a dead letter topic with letters like a worker's, for measurements of `streamproc dlq`.

``python tests/bench/load_dead_letters.py --letters 1000000``: the topics are those of the environment's settings. Each
letter has a value of 300 bytes (an activity with claim checks), five original headers and the whole error block.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer

from streamproc import settings
from streamproc.contracts.cloudevents import ACTIVITY_TYPE, event_headers
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import Failure, Header, Source, WorkerIdentity, error_headers
from streamproc.errors import ErrorClass, ErrorCode
from streamproc.kafka import topics

WORKER = WorkerIdentity("streamproc", "phonemes/1")
CODES = [code for code in ErrorCode if code.error_class is ErrorClass.POISON]
TRANSACTION = 10_000


def main() -> None:
    """Write the letters, in transactions as a worker does, spread over the last day."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--letters", type=int, default=1_000_000)
    count = parser.parse_args().letters
    tree = settings.load()
    kafka = tree.kafka
    topics.create(tree)
    partitions = topics.existing(tree)[kafka.dead_letter_topic]
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "transactional.id": "load-dead-letters",
            "linger.ms": 50,
            "queue.buffering.max.messages": 2 * TRANSACTION,
        }
    )
    producer.init_transactions(30)
    random_ = random.Random(1)
    now = datetime.now(UTC)
    # Building a letter costs more than writing it: a thousand of each kind are enough.
    blocks = [_headers(random_, index, kafka.activity_topic, partitions, now) for index in range(1000)]
    value = random_.randbytes(300)
    began = time.monotonic()
    for start in range(0, count, TRANSACTION):
        producer.begin_transaction()
        for index in range(start, min(start + TRANSACTION, count)):
            headers: list[tuple[str, str | bytes | None]] = list(blocks[index % len(blocks)])
            producer.produce(
                kafka.dead_letter_topic,
                key=b"learner-%d" % (index % 5000),
                value=value,
                partition=index % partitions,
                headers=headers,
                timestamp=int((now - timedelta(days=1) * (1 - index / count)).timestamp() * 1000),
            )
        producer.commit_transaction()
    seconds = time.monotonic() - began
    print(json.dumps({"letters": count, "topic": kafka.dead_letter_topic, "seconds": round(seconds, 1)}))


def _headers(random_: random.Random, index: int, topic: str, partitions: int, now: datetime) -> list[Header]:
    activity = f"activity-{index}"
    original: list[Header] = [
        *event_headers(ACTIVITY_TYPE, activity, "/publisher", activity, now)[:4],
        ("traceparent", f"00-{random_.randbytes(16).hex()}-{random_.randbytes(8).hex()}-01".encode()),
    ]
    code = random_.choice(CODES)
    failure = Failure(
        code,
        code.meaning,
        "streamproc.errors.StreamprocError",
        f"{hash(code.name) & 0xFFFFFFFFFFFF:012x}",
        1,
        now,
        now,
        f"school-{index % 50}",
    )
    position = SourcePosition(topic=topic, partition=index % partitions, offset=index)
    return error_headers(Source(position, int(now.timestamp() * 1000), original), failure, WORKER)


if __name__ == "__main__":
    main()
