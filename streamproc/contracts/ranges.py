"""The ranges of Avro's numbers, where fastavro leaves them to its caller."""

from __future__ import annotations

_LEAST, _MOST = -(1 << 31), (1 << 31) - 1


def int32(value: int) -> int:
    """The value, which Avro's ``int`` must be able to hold: fastavro would write it as a long, that no ``int`` reads.

    Raises:
        ValueError: it has more than 32 bits.
    """
    if _LEAST <= value <= _MOST:
        return value
    raise ValueError("an int has more than 32 bits")
