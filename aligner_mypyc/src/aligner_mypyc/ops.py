"""The alphabet of alignments: one byte an operation, and what a string of them means.

Operations turn the expected sequence (``ref``) into the heard one (``hyp``), from left to right.
"""

from __future__ import annotations

from typing import Final, cast

from mypy_extensions import i64

from .errors import AlignerError

MATCH: Final = 0
"""The expected symbol was heard. Consumes one symbol of each side."""
SUBSTITUTE: Final = 1
"""Another symbol was heard. Consumes one of each."""
INSERT: Final = 2
"""A symbol was heard that nothing expects. Consumes one of ``hyp``."""
DELETE: Final = 3
"""An expected symbol was not heard. Consumes one of ``ref``."""
ACCEPTED: Final = 4
"""Another symbol was heard, and a rule accepts it for the expected one. Consumes one of each."""
ACCEPTED_INSERT: Final = 5
"""An additional symbol that a rule accepts. Consumes one of ``hyp``."""
ACCEPTED_DELETE: Final = 6
"""A missing symbol that a rule accepts. Consumes one of ``ref``."""

OP_NAMES: Final = (
    "match",
    "substitute",
    "insert",
    "delete",
    "accepted",
    "accepted insert",
    "accepted delete",
)
"""The name of operation ``op`` is ``OP_NAMES[op]``."""

_LENGTH: Final = 256
_DRIFT: Final = 16
"""Steps with i below the one and j - i within the other share their objects: making them takes longer than aligning."""

_shared: Final[list[object]] = [None] * (len(OP_NAMES) * _LENGTH * 2 * _DRIFT)


def expand(ops: bytes) -> list[tuple[int, int, int]]:
    """The operations with their places: ``(op, i, j)``, i an index into ref and j one into hyp.

    Where an operation does not consume a side, that side's index is where its next symbol would be: ``i`` of an
    insertion is the ref symbol before which something was inserted. Raises AlignerError on a byte that is no operation.
    """
    # The list is one of objects: a list of tuples would take every tuple apart and make it anew.
    steps: list[object] = []
    shared = _shared
    i: i64 = 0
    j: i64 = 0
    at: i64 = 0
    while at < len(ops):
        op = i64(ops[at])
        if op > ACCEPTED_DELETE:
            raise AlignerError(f"operation {at} is {op}: operations are 0 to {ACCEPTED_DELETE}")
        drift = j - i + _DRIFT
        if i < _LENGTH and drift >= 0 and drift < 2 * _DRIFT:
            key = (op * _LENGTH + i) * (2 * _DRIFT) + drift
            step = shared[key]
            if step is None:
                step = (int(op), int(i), int(j))
                shared[key] = step
            steps.append(step)
        else:
            steps.append((int(op), int(i), int(j)))
        if op not in (INSERT, ACCEPTED_INSERT):
            i += 1
        if op not in (DELETE, ACCEPTED_DELETE):
            j += 1
        at += 1
    return cast("list[tuple[int, int, int]]", steps)


def lengths(ops: bytes) -> tuple[int, int]:
    """How many symbols of (ref, hyp) the operations consume."""
    inserted = ops.count(INSERT) + ops.count(ACCEPTED_INSERT)
    deleted = ops.count(DELETE) + ops.count(ACCEPTED_DELETE)
    return len(ops) - inserted, len(ops) - deleted
