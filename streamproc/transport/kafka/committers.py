"""Carries out one transaction at a time, on the commit thread: outcomes and progress together (KIP-98, KIP-447).

Three branches of errors. *Retriable*: the same call again. *Requires abort*: abort; the caller forms a new
transaction from what is still live. *Fatal, fenced or in doubt*: a commit that may or may not have taken effect is
only ever committed again; when that is impossible the producer is replaced (`init_transactions` fences its
predecessor and finishes what it left), and the group's progress, read stably, tells what took effect.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streamproc.transport.codes import CONSEQUENCE, FATAL, STALE
from streamproc.transport.errors import ShutOut, TransportError
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.span import Offer
from streamproc.transport.kafka.bounded import bounded
from streamproc.transport.kafka.offsets import Offsets
from streamproc.transport.kafka.producing import CALL_S, PAUSE_S, Committer, Refusal
from streamproc.transport.kafka.verdicts import Aborted, Committed, InDoubt, Verdict

logger = logging.getLogger(__name__)


class TransactionalCommitter(Committer):
    """Exactly-once: outcomes and progress in one transaction."""

    def __init__(self, config: dict[str, Any], offsets: Offsets, stopped: Callable[[], bool]) -> None:
        super().__init__(config, stopped)
        self._offsets = offsets
        self._was_let_in = False

    def open(self) -> None:
        producer = Producer(self._config)

        def initialise() -> None:
            try:
                producer.init_transactions(CALL_S)
            except KafkaException:
                self._hear(producer)
                # Later on, a broker that restarts looks alike.
                if self._shut_out is not None and not self._was_let_in:
                    raise ShutOut(self._shut_out.str()) from None
                raise

        try:
            self._again(initialise)
        except KafkaException as error:
            name = self._config["transactional.id"]
            raise TransportError(
                f"Kafka does not grant the transactional producer {name!r}: {error.args[0].str()}"
            ) from error
        self._producer = producer
        self._was_let_in = True

    def commit(self, batch: Batch) -> Verdict:
        if self._producer is None:
            self.open()
        producer = self._producer
        assert producer is not None
        try:
            self._again(producer.begin_transaction)
            self.produce(batch)
            self._send_offsets(producer, batch)
        except Refusal as refusal:
            self._abort(producer)
            return refusal.refused
        except KafkaException as error:
            return self._give_up(producer, error.args[0])
        return self._finish(producer, batch)

    def _send_offsets(self, producer: Producer, batch: Batch) -> None:
        if batch.metadata is not None and batch.offers:
            offsets = [_position(assignment, offer) for assignment, offer in batch.offers]
            self._again(bounded(producer.send_offsets_to_transaction, CALL_S + 1), offsets, batch.metadata, CALL_S)

    def _finish(self, producer: Producer, batch: Batch) -> Verdict:
        """Commit. From here on only the brokers know whether the transaction takes effect."""
        self._link_failed = False
        try:
            repeated = self._again(producer.commit_transaction, CALL_S)
        except KafkaException as error:
            logger.warning("A commit is in doubt (%s): the group's progress will tell", error.args[0].name())
            self.close()
            self.open()  # fences the transaction, or finishes it if its commit had been accepted
            return InDoubt(self._offsets.committed([assignment.tp for assignment, _ in batch.offers]))
        self._hear(producer)
        if repeated or self._link_failed:
            # The request may be on its way a second time and would end the *next* transaction, since the protocol
            # before KIP-890 does not change the epoch between transactions: a new producer fences it off.
            self.close()
        return Committed()

    def _give_up(self, producer: Producer, error: KafkaError) -> Verdict:
        """The transaction failed before its commit was asked for: it takes no effect."""
        error = self._cause(producer, error)
        if error.code() in FATAL:
            raise TransportError(f"Kafka refuses the transaction: {error.str()}")
        if error.fatal() or not error.txn_requires_abort():
            logger.warning("The producer must be replaced: %s", error.name())
            self.close()
        else:
            self._abort(producer)
        return Aborted(error.name(), stale=error.code() in STALE)

    def _cause(self, producer: Producer, error: KafkaError) -> KafkaError:
        """Why records were dropped unsent, or what was fatal: librdkafka says it to the next call, which it refuses."""
        if error.code() in CONSEQUENCE:
            try:
                self._call(producer.begin_transaction)
            except KafkaException as refused:
                if refused.args[0].fatal():
                    fatal: KafkaError = refused.args[0]
                    return fatal
        return error

    def _abort(self, producer: Producer) -> None:
        self._link_failed = False
        try:
            repeated = self._again(producer.abort_transaction, CALL_S)
        except KafkaException as error:
            logger.warning("The producer must be replaced, its abort failed: %s", error.args[0].name())
            repeated = True
        self._hear(producer)
        if repeated or self._link_failed:
            self.close()


class PlainCommitter(Committer):
    """At least once: outcomes first, then progress. A crash in between produces the outcomes again."""

    def __init__(
        self,
        config: dict[str, Any],
        commit_offsets: Callable[[list[TopicPartition]], None],
        stopped: Callable[[], bool],
    ) -> None:
        """``commit_offsets``: commits through the consumer, blocking; raises KafkaException."""
        super().__init__(config, stopped)
        self._commit_offsets = commit_offsets

    def open(self) -> None:
        self._producer = Producer(self._config)

    def commit(self, batch: Batch) -> Verdict:
        if self._producer is None:
            self.open()
        try:
            for part in _parts(batch):
                self.produce(part)
            self._commit_progress(batch)
        except Refusal as refusal:
            return refusal.refused
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() in FATAL:
                raise TransportError(f"Kafka refuses the commit: {reason.str()}") from error
            if reason.fatal():
                logger.warning("The producer must be replaced: %s", reason.name())
                self.close()
            return Aborted(reason.name(), stale=reason.code() in STALE)
        return Committed()

    def _commit_progress(self, batch: Batch) -> None:
        """Commit the offsets. A refusal in a rebalance is outlasted: else the outcomes would be produced again."""
        give_up = time.monotonic() + CALL_S
        while True:
            offsets = [_position(assignment, offer) for assignment, offer in batch.offers if assignment.alive]
            if not offsets:
                return
            try:
                self._commit_offsets(offsets)
                return
            except KafkaException as error:
                if error.args[0].code() not in STALE or self._stopped() or time.monotonic() >= give_up:
                    raise
                time.sleep(PAUSE_S)


def _parts(batch: Batch) -> list[Batch]:
    """What is sent one after the other. A timer that is deleted is not carried out again: first what it has sent."""
    if not batch.timers or not batch.changelog:
        return [batch]
    first, last = batch.outcomes[: -batch.changelog], batch.outcomes[-batch.changelog :]
    return [replace(batch, outcomes=first), replace(batch, outcomes=last, loose=[])]


def commit_offsets(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    """Commit these through the group, all of them. On the consumer's thread.

    Raises:
        KafkaException: why one of them was refused; librdkafka itself raises only where all were.
    """
    for place in consumer.commit(offsets=offsets, asynchronous=False) or ():
        if place.error is not None:
            raise KafkaException(place.error)


def _position(assignment: Assignment, offer: Offer) -> TopicPartition:
    return TopicPartition(*assignment.tp, offer.progress.base, offer.metadata)
