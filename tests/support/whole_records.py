"""Odd whole records, and odd sends: keys, headers, timestamps, partitions, compression; the same for the same seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from support.raw_records import RawRecord

NAMES = (
    b"a",
    b"",
    b"traceparent",
    "é".encode(),
    b"\xff\xfe",
    b"caf\xe9",
    b"\x80",
    b"\xed\xa0\x80",
    b"a\x00b",
    b"x" * 300,
)
HEADER_VALUES = (None, b"", b"1", b"\xff" * 40, b"00-\xff-\xff-01", b"9" * 5_000, b"\x00")
KEYS = (None, b"", b"k", b"\xff\xfe", b"k" * 5_000, "🦊".encode())
NOW = int(time.time() * 1000)
TIMESTAMPS = (None, None, 0, 1, -1, -(2**50), NOW - 86_400_000, NOW * 1000, 253_402_300_800_000, 2**62)


def odd_records(
    count: int, seed: int, value: Callable[[random.Random], bytes | None], partitions: int = 1
) -> Iterator[RawRecord]:
    """Records to be written as they are."""
    chance = random.Random(seed)
    for _ in range(count):
        yield RawRecord(
            key=chance.choice(KEYS),
            value=value(chance),
            headers=[
                (chance.choice(NAMES), chance.choice(HEADER_VALUES)) for _ in range(chance.choice((0, 1, 1, 2, 5)))
            ],
            timestamp=chance.choice(TIMESTAMPS),
            partition=chance.randrange(partitions),
            compressed=chance.random() < 0.3,
        )


#: For each argument of a send what it may be, and more that it may not.
ODD: dict[str, tuple[Any, ...]] = {
    "key": (b"k", None, b"", "text", 7, bytearray(b"k"), b"k" * 5_000, object(), ["k"]),
    "value": (b"v", None, b"", "text", 7, {}, memoryview(b"v"), b"v" * 50_000, b"v" * 2_000_000, "\ud83d"),
    "partition": (None, None, 0, 1, 2, -1, 99, 2**31, 2**70, "1", 1.5),
    "timestamp": (None, None, 0.0, time.time(), -0.001, -1.0, 1e300, float("nan"), float("inf"), "now", 2.0**62),
    "headers": (
        None,
        {},
        {"a": b"1"},
        [("a", b"1"), ("a", None)],
        {"é": "é"},
        {"\ud83d": b""},
        {"\udcff": b""},
        {"a": "\ud83d"},
        {"a": 1},
        {"a": [b"1"]},
        {b"a": b"1"},
        {None: b"1"},
        [("a",)],
        [("a", b"1", b"2")],
        ["ab"],
        "ab",
        7,
        {"a\0b": b""},
        {"x" * 5_000: b"y" * 5_000},
        [("a", b"1")] * 500,
    ),
}


def odd_send(seed: int) -> dict[str, Any]:
    """The arguments of a send: mostly one of them is odd."""
    chance = random.Random(seed)
    arguments = {name: choices[0] for name, choices in ODD.items()}
    for name in chance.sample(list(ODD), chance.choice((1, 1, 1, 2, 5))):
        arguments[name] = chance.choice(ODD[name])
    return arguments
