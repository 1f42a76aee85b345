"""A record to send, checked where it is sent: what confluent-kafka would refuse, or crash on, never gets that far.

A send is carried out later, on another thread, together with those of other events: there a fault could no longer be
told to the agent that made it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from faust.types import TP, RecordMetadata

from streamproc.transport.errors import Unsendable
from streamproc.transport.headers import Headers

#: Kafka's own rule (org.apache.kafka.common.internals.Topic), which leaves out "." and ".." too.
_LEGAL_TOPIC = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249}")
_LAST_PARTITION = 2**31 - 1
_LAST_MILLISECOND = 2**63 - 1
#: librdkafka takes 0 for "now". Kafka has that time, but nothing later is nearer to it.
_FIRST_MILLISECOND = 1
#: Kafka's own "no timestamp".
_NO_TIMESTAMP = -1


class Outcome(NamedTuple):
    """A record to produce; made by ``outcome_of``."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None
    #: Milliseconds since the epoch; None: now.
    timestamp: int | None
    headers: Headers | None

    @property
    def size(self) -> int:
        """Its key, value and headers, in bytes."""
        headers = 0 if self.headers is None else size_of_headers(self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


def outcome_of(
    topic: str, key: Any, value: Any, partition: int | None, timestamp: float | None, headers: Any
) -> Outcome:
    """A record that every Kafka client would take.

    Args:
        timestamp: seconds since the epoch; None: now. The epoch itself becomes its first millisecond.
        headers: a mapping or pairs.

    Raises:
        Unsendable: a part of it has a wrong type or is out of range; Kafka's Java client refuses the same.
    """
    _check_topic(topic)
    if type(key) is not bytes and key is not None:
        key = _bytes(topic, "key", key)
    if type(value) is not bytes and value is not None:
        value = _bytes(topic, "value", value)
    return Outcome(
        topic,
        key,
        value,
        None if partition is None else _partition(topic, partition),
        None if timestamp is None else _milliseconds(topic, timestamp),
        _headers(topic, headers) if headers else None,
    )


def size_of_headers(headers: Headers) -> int:
    """Names and values, in bytes (of a name that is not ASCII a few less)."""
    return sum(len(name) + len(value or b"") for name, value in headers)


def metadata_of(topic: str, partition: int | None, offset: int) -> RecordMetadata:
    """Faust's answer to a send; offset -1: the record goes with a later transaction."""
    partition = -1 if partition is None else partition
    return RecordMetadata(topic, partition, TP(topic, partition), offset, time.time(), 0)


def record_metadata(outcome: Outcome, offset: int) -> RecordMetadata:
    """The answer to this one."""
    return metadata_of(outcome.topic, outcome.partition, offset)


@lru_cache(1024)
def _check_topic(topic: str) -> None:
    if not isinstance(topic, str) or _LEGAL_TOPIC.fullmatch(topic) is None:
        raise Unsendable(str(topic)[:249], "no topic can have this name")


def _bytes(topic: str, part: str, content: Any) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    raise Unsendable(topic, f"the {part} is {_named(content)}, not bytes or None: give the topic a serializer")


def _partition(topic: str, partition: Any) -> int:
    try:
        if 0 <= (number := int(partition.__index__())) <= _LAST_PARTITION:
            return number
    except AttributeError:
        raise Unsendable(topic, f"the partition is {_named(partition)}, not a number") from None
    raise Unsendable(topic, f"there is no partition {partition}")


def _milliseconds(topic: str, timestamp: Any) -> int | None:
    try:
        milliseconds: int = round(timestamp * 1000)
    except (TypeError, ValueError, OverflowError):
        raise Unsendable(topic, f"the timestamp is {_named(timestamp)}, not seconds since 1970") from None
    if milliseconds == _NO_TIMESTAMP:
        return None  # that of a record that has none, copied
    if 0 <= milliseconds <= _LAST_MILLISECOND:
        return milliseconds or _FIRST_MILLISECOND
    raise Unsendable(topic, "the timestamp is out of range: it is in seconds since 1970")


def _headers(topic: str, headers: Any) -> Headers:
    checked: Headers = []
    try:
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            if not name.isascii():
                name.encode()  # a lone surrogate would crash confluent-kafka
            if "\0" in name:
                raise Unsendable(topic, "a header's name holds a NUL, at which librdkafka would cut it off")
            if type(value) is not bytes and value is not None:
                value = value.encode() if isinstance(value, str) else _bytes(topic, "value of a header", value)
            checked.append((name, value))
    except Unsendable:
        raise
    except UnicodeEncodeError:
        raise Unsendable(topic, "a header holds text that is not UTF-8") from None
    except (TypeError, ValueError, AttributeError):
        raise Unsendable(topic, "headers are a mapping or pairs of a name (str) and a value (bytes or None)") from None
    return checked


def _named(content: Any) -> str:
    return f"of type {type(content).__name__}"
