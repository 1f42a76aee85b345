"""Eight symbols at a time: how far two sequences agree, and whether all codes are valid.

Codes lie below 64, so a word of eight codes read from bytes is never negative and its lanes never carry.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_be, read_i64_le
from mypy_extensions import i64

LANES: Final = 0x0101010101010101


def equal_lanes(differ: i64) -> i64:
    """How many of the first (lowest) bytes of an exclusive or are zero, 8 if all are; without a branch."""
    unequal = ((differ + 0x3F3F3F3F3F3F3F3F) >> 6) & LANES
    below = (unequal - 1) & (LANES & ~unequal)
    return ((below * LANES) >> 56) & 15


def common_head(a: bytes, b: bytes, most: i64) -> i64:
    """How many first bytes agree, at most ``most`` (which is at most the shorter length)."""
    place: i64 = 0
    while place + 8 <= most:
        differ = read_i64_le(a, place) ^ read_i64_le(b, place)
        if differ != 0:
            return place + equal_lanes(differ)
        place += 8
    while place < most and a[place] == b[place]:
        place += 1
    return place


def common_tail(a: bytes, b: bytes, most: i64) -> i64:
    """How many last bytes agree, at most ``most``."""
    m: i64 = len(a)
    n: i64 = len(b)
    count: i64 = 0
    while count + 8 <= most:
        differ = read_i64_be(a, m - count - 8) ^ read_i64_be(b, n - count - 8)
        if differ != 0:
            return count + equal_lanes(differ)
        count += 8
    while count < most and a[m - count - 1] == b[n - count - 1]:
        count += 1
    return count


def all_below(codes: bytes, bias: i64) -> bool:
    """Whether every byte is below 64 - bias / 0x0101010101010101, for a bias with equal lanes."""
    n: i64 = len(codes)
    place: i64 = 0
    if n < 8:
        limit = 64 - (bias & 0xFF)
        while place < n:
            if codes[place] >= limit:
                return False
            place += 1
        return True
    bad: i64 = 0
    while place + 8 <= n:
        word = read_i64_le(codes, place)
        bad |= word | (word + bias)
        place += 8
    word = read_i64_le(codes, n - 8)
    bad |= word | (word + bias)
    return (bad >> 6) & 0x0303030303030303 == 0
