"""How a run's events get into its source: all before anything is killed, or live, while everything is."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import Producer

KEYS = 200

#: Events a second: far less than workers take, so that they stand at the log's end, as in production.
LIVE_RATE = 400


def feed(bootstrap: str, topic: str, values: Iterable[int], *, keys: int = KEYS, pad: int = 0) -> None:
    """Publish the values in order, each under the key value % keys, padded with blanks to ``pad`` bytes."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20})
    for value in values:
        while True:
            try:
                producer.produce(topic, key=b"key-%d" % (value % keys), value=(b"%d" % value).ljust(pad))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0


def feed_in_transactions(bootstrap: str, topic: str, count: int, size: int = 20) -> list[int]:
    """Publish values in transactions of which every third aborts; returns the committed values."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": str(uuid.uuid4())})
    producer.init_transactions(30)
    committed: list[int] = []
    for number, start in enumerate(range(0, count, size)):
        values = range(start, start + size)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, key=b"key-%d" % (value % KEYS), value=b"%d" % value)
        producer.flush(30)
        if number % 3 == 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
            committed += values
    return committed


class LiveFeed:
    """Publishes values at a steady pace from a thread, as upstream does. Leaving the context ends it."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        values: Sequence[int],
        rate: float = LIVE_RATE,
        record: Callable[[int], tuple[bytes | None, bytes]] = lambda value: (b"key-%d" % (value % KEYS), b"%d" % value),
        unkeyed: int = -1,
        times: Sequence[int] = (),
    ) -> None:
        """``rate``: events a second; ``record``: a value's key and content; ``unkeyed``: where those without go.

        ``times``: the records' timestamps, in milliseconds since 1970; else the clock's.
        """
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "log_level": 0,
                "partitioner": "murmur2_random",  # as our client and Java's
            }
        )
        self._topic = topic
        self._values = values
        self._rate = rate
        self._record = record
        self._unkeyed = unkeyed
        self._times = times
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)
        #: Values published so far.
        self.fed = 0
        #: How many the brokers do not have though it has ended.
        self.unsent = 0

    def __enter__(self) -> LiveFeed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def finish(self, timeout: float) -> None:
        """Wait until all are published.

        Raises:
            AssertionError: they are not in time.
        """
        self._thread.join(timeout)
        assert not self.running, f"{self.fed} of {len(self._values)} published after {timeout:g} s more"
        assert (self.fed, self.unsent) == (len(self._values), 0), (
            f"{self.fed} published, {self.unsent} of them not sent"
        )

    def _run(self) -> None:
        started = time.monotonic()
        for number, value in enumerate(self._values):
            while (early := started + number / self._rate - time.monotonic()) > 0:
                self._producer.poll(0)
                if self._stop.wait(min(early, 0.05)):
                    return
            key, content = self._record(value)
            partition = self._unkeyed if key is None else -1
            stamp = self._times[number] if self._times else 0  # librdkafka's "now"
            self._producer.produce(self._topic, key=key, value=content, partition=partition, timestamp=stamp)
            self.fed += 1
        self.unsent = self._producer.flush(60)


class Feeding:
    """One way of feeding a run: "filled" or "live"."""

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self._feeds: list[LiveFeed] = []

    def events(self, filled: int, live: int) -> int:
        """How many events a run takes; live they come slower, so that fewer last as long."""
        return live if self.live else filled

    def feed(self, bootstrap: str, topic: str, values: Sequence[int]) -> None:
        """Publish these; live, from now on."""
        if self.live:
            self._feeds.append(LiveFeed(bootstrap, topic, values).__enter__())
        else:
            feed(bootstrap, topic, values)

    def end(self) -> None:
        """Publish no more."""
        for one in self._feeds:
            one.__exit__()
