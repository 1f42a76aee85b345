"""A table's changelog on the real Kafka, written as a worker writes it; and the recovery of its stores."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from faust.types import TP

from streamproc.transport.flight.state.restored import Changelog, Restored
from streamproc.transport.flight.state.store import MemoryStore, Store, Write
from streamproc.transport.kafka.changelogs import Changelogs
from streamproc.transport.kafka.offsets import Offsets
from streamproc.transport.kafka.recovering import Recovery
from support.waiting import wait_for

#: A cleaner that finds something to do at once, whatever is written.
COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.001",
    "segment.ms": "100",
    "segment.bytes": "1048576",
    "delete.retention.ms": "86400000",
}


class Log:
    """A topic with one partition."""

    def __init__(self, bootstrap: str, **settings: str) -> None:
        self.bootstrap = bootstrap
        self.tp = TP(f"changelog-{uuid.uuid4().hex[:8]}", 0)
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self.settings = COMPACTED | settings
        self.make()

    def make(self) -> None:
        """Make it, or make it anew."""
        topic = NewTopic(self.tp.topic, 1, 1, config=self.settings)
        try:
            self.admin.create_topics([topic])[self.tp.topic].result(30)
        except KafkaException:
            self.delete()  # a producer that still knew it has made it
            self.admin.create_topics([topic])[self.tp.topic].result(30)

    def delete(self) -> None:
        """As an operator who wants to begin anew."""
        self.admin.delete_topics([self.tp.topic])[self.tp.topic].result(30)
        wait_for(lambda: self.tp.topic not in self.admin.list_topics(timeout=10).topics, "the topic's end", 30)

    def delete_below(self, offset: int) -> None:
        """Let the log begin there."""
        place = TopicPartition(*self.tp, offset)
        self.admin.delete_records([place])[place].result(30)

    def write(self, writes: Sequence[Write]) -> None:
        """Outside any transaction."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5})
        self._produce(producer, writes)
        assert producer.flush(60) == 0

    def commit(self, writes: Sequence[Write], *, abort: bool = False) -> None:
        """In a transaction of its own."""
        with self.open(writes) as producer:
            if abort:
                producer.abort_transaction(30)
            else:
                producer.commit_transaction(30)

    @contextmanager
    def open(self, writes: Sequence[Write], timeout_ms: int = 60_000) -> Iterator[Producer]:
        """In a transaction that stays open; whoever dies in it leaves it to the brokers."""
        config = {"bootstrap.servers": self.bootstrap, "transactional.id": uuid.uuid4().hex, "log_level": 0}
        producer = Producer(config | {"transaction.timeout.ms": timeout_ms})
        producer.init_transactions(30)
        producer.begin_transaction()
        self._produce(producer, writes)
        assert producer.flush(60) == 0
        yield producer

    def _produce(self, producer: Producer, writes: Sequence[Write]) -> None:
        for key, value in writes:
            while True:
                try:
                    producer.produce(self.tp.topic, key=key, value=value, partition=0)
                    break
                except BufferError:
                    producer.poll(0.1)


class Restoring:
    """A worker that restores one store from it, and no more."""

    def __init__(
        self, log: Log, store: Store | None = None, changelog: Changelog | None = None, *, standby: bool = False
    ) -> None:
        self.store = MemoryStore() if store is None else store
        # A topic that is gone is told of at once.
        quick = {"topic.metadata.refresh.interval.ms": 500, "topic.metadata.propagation.max.ms": 1_000}
        config = {"bootstrap.servers": log.bootstrap, "log_level": 0, **quick}
        self.stopped = False
        self.wanted = True
        self.restored: list[Restored] = []
        self.crashes: list[BaseException] = []
        self._done = threading.Event()
        offsets = Offsets(config, "nobody", "earliest", "stop", lambda: self.stopped)
        changelogs = Changelogs(config, offsets.describe, lambda: self.stopped)
        self.recovery = Recovery(
            config, changelogs.describe, changelogs.mark, self._crash, lambda: self.stopped, standby=standby
        )
        self.changelog = changelog or Changelog("table", log.tp, lambda: self.store)

    def begin(self) -> Restoring:
        """The partition is assigned."""
        self.recovery.restore([self.changelog], lambda: self.wanted, self.is_restored)
        return self

    def wait(self, seconds: float = 30.0) -> Restoring:
        """Until the store is as its changelog."""
        assert self._done.wait(seconds), f"not restored within {seconds:g} s: {self.recovery.progress}"
        assert not self.crashes, self.crashes
        return self

    @property
    def done(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self._done.is_set()

    @property
    def content(self) -> dict[bytes, bytes]:
        """What the store holds."""
        return dict(self.store.items())

    def is_restored(self, restored: Restored) -> None:
        """The recovery says so."""
        self.restored.append(restored)
        self._done.set()

    def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)
        self._done.set()
