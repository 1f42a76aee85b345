"""How long results take at a steady rate: from the send of an activity to a read_committed reader's hands."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

from confluent_kafka import Consumer, TopicPartition
from support.scene import Scene
from support.topics_of_test import PARTITIONS

from streamproc.client import ActivityPublisher, Connection
from streamproc.contracts.generated.events import Activity

WARM_UP = 20


class Reading(threading.Thread):
    """Reads results as downstream does, from the topic's end on, all the time."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.seen: dict[bytes, float] = {}
        """Key -> when its result was in hand."""
        self._over = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": scene.topics.bootstrap,
                "group.id": f"arrivals-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )
        places = [TopicPartition(scene.topics.results, number) for number in range(PARTITIONS)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)

    def run(self) -> None:
        """Until closed."""
        while not self._over.is_set():
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None and (key := message.key()) is not None:
                self.seen[key] = time.time()

    def close(self) -> None:
        """Let go of the connection."""
        self._over.set()
        self.join()
        self._consumer.close()


def waits(scene: Scene, activities: Iterator[Activity], rate: float, seconds: float) -> list[float]:
    """Milliseconds that each result took, of so many activities a second, each of a learner of its own; ascending.

    A worker must be up, with nothing else to do.
    """
    reading = Reading(scene)
    reading.start()
    connection = Connection(bootstrap_servers=scene.topics.bootstrap, registry_url=scene.registry_url)
    sent: dict[bytes, float] = {}
    with ActivityPublisher(connection, source="/bench", topic=scene.topics.activities) as publisher:
        begun = time.monotonic() + 0.2
        for number, activity in zip(range(WARM_UP + round(rate * seconds)), activities, strict=False):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            sent[activity.learner_id.encode()] = time.time()
            publisher.send(activity)
    deadline = time.monotonic() + 30
    while not sent.keys() <= reading.seen.keys():
        assert time.monotonic() < deadline, f"{len(sent.keys() - reading.seen.keys())} of {len(sent)} have no result"
        time.sleep(0.05)
    reading.close()
    return sorted((reading.seen[key] - when) * 1000 for key, when in list(sent.items())[WARM_UP:])
