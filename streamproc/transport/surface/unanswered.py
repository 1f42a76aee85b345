"""What Faust asks of a consumer and this driver answers without it: positions, offsets, its own acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport import base
from faust.types import TP
from mode import Service

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.ledger import Ledger
from streamproc.transport.shared import Shared
from streamproc.transport.surface.seams import until_stopped


class FaustConsumer(base.Consumer):
    """Faust's consumer without its bookkeeping of offsets."""

    transport: Shared
    ledger: Ledger

    async def wait_empty(self) -> None:
        """Draining does this."""

    async def _drain_messages(self, fetcher: Any) -> None:
        """Delivery does not wait for the fetcher; flow control holds records back until Faust is ready."""
        await until_stopped(fetcher)

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Faust's detector looks at acknowledgements that this driver does not keep."""

    async def perform_seek(self) -> None:
        """Positions are resolved at assignment."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Positions are resolved at assignment."""
        return {tp: assignment.span.committed.base for tp, assignment in self.ledger.assignments.items()}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Not with this driver."""
        raise Unsupported("rdkafka:// cannot seek: it would break exactly-once")

    async def _seek(self, partition: TP, offset: int) -> None:
        raise Unsupported("rdkafka:// cannot seek: it would break exactly-once")

    async def position(self, tp: TP) -> int | None:
        """The committed offset."""
        assignment = self.ledger.assignments.get(tp)
        return assignment.span.committed.base if assignment else None

    def highwater(self, tp: TP) -> int:
        """The end of the log as last seen, or 0."""
        assignment = self.ledger.assignments.get(tp)
        return assignment.end if assignment else 0

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Only Faust's recovery of tables asks, which has none here."""
        raise Unsupported("rdkafka:// restores tables by itself: their changelogs are not this consumer's")

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Only Faust's recovery of tables asks, which has none here."""
        raise Unsupported("rdkafka:// restores tables by itself: their changelogs are not this consumer's")

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has."""
        return self.transport.topics.partitions(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Where a record goes; None: the producer chooses."""
        if partition is not None or key is None:
            return partition
        number: int = self.app.producer.key_partition(topic, key).partition
        return number

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Create a topic; one that exists is left as it is."""
        await self.app.producer.create_topic(topic, partitions, replication, **kwargs)

    def close(self) -> None:
        """Stopping does this."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        raise NotImplementedError

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109
        raise NotImplementedError

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)
