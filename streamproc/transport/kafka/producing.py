"""A transaction's records on their way to the brokers, and who is to blame for a refusal. On the commit thread."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streamproc.transport.codes import FATAL, LINK, REFUSED, shuts_out
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.entries import Entry
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.kafka.verdicts import Refused, Stopped, Verdict

logger = logging.getLogger(__name__)

#: How long one call may take, and how long the next attempt waits.
CALL_S = 5.0
PAUSE_S = 0.05
_POLL_EVERY = 500
_ANY_PARTITION = -1
_NOW = 0

#: Who sends a record.
_Source = tuple[Entry | Loose, Outcome]
#: Topic, key and value.
_Content = tuple[str, bytes | None, bytes | None]


class Refusal(Exception):  # noqa: N818
    """Some records of this transaction are refused for good."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


class Committer(ABC):
    """Produces outcomes and commits progress. All methods block, and are called from one thread."""

    def __init__(self, config: dict[str, Any], stopped: Callable[[], bool]) -> None:
        # Of a transaction's records only the failures matter; flush waits for all of them.
        self._config = config | {"error_cb": self._on_error, "delivery.report.only.error": True}
        self._stopped = stopped
        self._producer: Producer | None = None
        #: When the call into librdkafka began that has not returned yet (monotonic).
        self.calling_since: float | None = None
        #: A connection failed since this was last cleared.
        self._link_failed = False
        self._shut_out: KafkaError | None = None
        self._failures: list[tuple[KafkaError, _Content]] = []

    @abstractmethod
    def open(self) -> None:
        """Make the producer ready.

        Raises:
            TransportError: the brokers refuse it.
            Stopped: the worker stops before the brokers answer.
        """

    @abstractmethod
    def commit(self, batch: Batch) -> Verdict:
        """Carry a transaction out.

        Raises:
            TransportError: a person must change something.
            Stopped: the worker stops before the brokers answer.
        """

    def close(self) -> None:
        """Let the producer go; what it has not sent is dropped. A later commit opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def produce(self, batch: Batch) -> None:
        """Send the batch's records and wait for their acknowledgement."""
        producer = self._producer
        assert producer is not None
        self._failures.clear()
        sources: list[_Source] = [*batch.outcomes]
        sources += [(loose, loose.outcome) for loose in batch.loose]
        try:
            self._send_all(producer, sources, one_by_one=batch.one_by_one)
        except KafkaException:
            # Once the brokers have refused one, librdkafka takes no more of this transaction: what follows from it
            # must not hide who is to blame.
            self._call(producer.poll, PAUSE_S)
            self._judge(sources)
            raise
        self._judge(sources)

    def _send_all(self, producer: Producer, sources: list[_Source], *, one_by_one: bool) -> None:
        # In stretches: every poll gives the interpreter's lock away, and the agents keep it for a while. Brokers judge
        # a whole produce batch; alone, a record answers for itself.
        stretch = 1 if one_by_one else _POLL_EVERY
        for start in range(0, len(sources), stretch):
            self._send(producer, sources[start : start + stretch])
            if one_by_one:
                self._flush(producer)
                self._judge(sources[start : start + stretch])
            else:
                self._call(producer.poll, 0)
        self._flush(producer)

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        # One function for all records: one for each, that knows its source, would cost more than to send it.
        if error is not None:
            self._failures.append((error, (message.topic(), message.key() or None, message.value() or None)))

    def _send(self, producer: Producer, sources: list[_Source]) -> None:
        produce: Callable[..., None] = producer.produce
        delivered = self._delivered
        for source in sources:
            topic, key, value, partition, timestamp, headers = source[1]
            place = _ANY_PARTITION if partition is None else partition
            while True:
                try:
                    # By position, names would cost a quarter of it: callback, on_delivery, timestamp, headers.
                    produce(topic, value, key, place, delivered, None, timestamp or _NOW, headers)
                    break
                except BufferError:
                    self._call(producer.poll, PAUSE_S)
                except KafkaException as error:
                    said = error.args[0]
                    if said.code() in REFUSED:
                        # Refused before it was sent: this record is the guilty one.
                        raise Refusal(_refused(said.name(), [source], certain=True)) from error
                    # librdkafka says what is wrong with the topic, and not which one it is.
                    told = f"{said.str()} ({topic})"
                    raise KafkaException(
                        KafkaError(said.code(), told, said.fatal(), said.retriable(), said.txn_requires_abort())
                    ) from error
                except (TypeError, ValueError, OverflowError) as error:
                    # The binding takes less than ``outcome_of`` believes: it must not cost the others.
                    raise Refusal(_refused(type(error).__name__, [source], certain=True)) from error

    def _flush(self, producer: Producer) -> None:
        while self._call(producer.flush, CALL_S):
            if self._stopped():
                raise Stopped

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        self.calling_since = time.monotonic()
        try:
            return function(*args)
        except SystemError as error:
            # confluent-kafka raises a fatal error from inside a callback, and trips over it in the next one.
            raise KafkaException(KafkaError(KafkaError._FATAL, str(error), fatal=True)) from error
        finally:
            self.calling_since = None

    def _hear(self, producer: Producer) -> None:
        """Have _on_error told of what went wrong; a fatal error is raised here instead, and ends the producer."""
        try:
            producer.poll(0)
        except (KafkaException, SystemError) as error:
            logger.warning("The producer must be replaced: %s", error)
            self._link_failed = True

    def _judge(self, sources: list[_Source]) -> None:
        if not self._failures:
            return
        for error, (topic, _, _) in self._failures:
            if error.code() in FATAL:
                raise TransportError(f"Kafka refuses to write to topic {topic!r}: {error.str()}")
        refused = [(error, content) for error, content in self._failures if error.code() in REFUSED]
        if refused:
            # What is refused is so for its content: every record with the same is suspected.
            contents = {content for _, content in refused}
            suspects = [source for source in sources if _content(source[1]) in contents]
            named = [error for error, _ in refused if error.code() != KafkaError._INVALID_DIFFERENT_RECORD]
            reason = named[0] if named else refused[0][0]
            raise Refusal(_refused(reason.name(), suspects or sources))
        raise KafkaException(self._failures[0][0])

    def _again(self, call: Callable[..., Any], *args: Any) -> bool:
        """Make a call until it succeeds. Returns whether it was made more than once."""
        repeated = False
        while True:
            try:
                self._call(call, *args)
                return repeated
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if not reason.retriable() or reason.fatal() or reason.txn_requires_abort():
                    raise
                if self._stopped():
                    raise Stopped from error
                logger.info("%s: %s; the same call again", getattr(call, "__name__", call), reason.name())
                repeated = True
                time.sleep(PAUSE_S)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in LINK:
            self._link_failed = True
        if self._shut_out is None and shuts_out(error):
            self._shut_out = error


def _content(outcome: Outcome) -> _Content:
    return outcome.topic, outcome.key or None, outcome.value or None


def _refused(reason: str, sources: list[_Source], *, certain: bool = False) -> Refused:
    entries = {id(source): source for source, _ in sources if isinstance(source, Entry)}
    loose = [source for source, _ in sources if isinstance(source, Loose)]
    return Refused(reason, sources[0][1].topic, list(entries.values()), loose, certain)
