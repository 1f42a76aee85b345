"""Which topic a committed offset belongs to: what is written beside the progress, and what it tells later.

An offset says nothing of the topic that it was counted in. A topic that is deleted and made anew has the same name,
and starts at 0 again: to go on at the old offset would skip its first records without a word. Topic ids (KIP-516) tell
one from the other; they mean nothing in another cluster, to which a mirror copies offsets with their metadata.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

_LAYOUT = struct.Struct(">IQQI")
_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A topic, as a partition's progress refers to it.

    ``born``: how many partitions it had when the group began to read it at its end. One beyond them has come since and
    is read from its start, however long nobody was there. 0: the group began at its start, or nobody knows.
    """

    cluster: int
    topic_id: tuple[int, int]
    born: int = 0

    @classmethod
    def of(cls, cluster: str | None, topic_id: Any) -> Mark:
        """The mark of a topic as a cluster describes it; ``topic_id``: confluent-kafka's Uuid."""
        halves = topic_id.get_most_significant_bits() & _BITS, topic_id.get_least_significant_bits() & _BITS
        return cls(zlib.crc32((cluster or "").encode()), halves)

    @classmethod
    def decode(cls, data: bytes) -> Mark | None:
        """What ``encode`` has written; None: something else, or nothing."""
        if len(data) != _LAYOUT.size:
            return None
        cluster, most, least, born = _LAYOUT.unpack(data)
        return cls(cluster, (most, least), born)

    def encode(self) -> bytes:
        """24 bytes."""
        return _LAYOUT.pack(self.cluster, *self.topic_id, self.born)

    def since(self, born: int) -> Mark:
        """The same topic, read since it had so many partitions."""
        return replace(self, born=born)

    def is_other_topic(self, now: Mark) -> bool:
        """Whether the topic of this name in this cluster is another one ``now``.

        Brokers before Kafka 3.1 give no ids (all zero): nothing is known then.
        """
        known = self.cluster == now.cluster and any(self.topic_id) and any(now.topic_id)
        return known and self.topic_id != now.topic_id
