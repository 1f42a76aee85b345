"""Confluent's wire format."""

from __future__ import annotations

import pytest

from streamproc.contracts import wire
from streamproc.errors import ErrorCode, StreamprocError


def test_header_names_the_schema() -> None:
    assert wire.header(7) == b"\x00\x00\x00\x00\x07"
    assert wire.schema_id_of(wire.header(4_000_000_000) + b"body") == 4_000_000_000


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, ErrorCode.VALUE_MISSING),
        (b"", ErrorCode.VALUE_UNREADABLE),
        (b"\x00\x00\x00\x07", ErrorCode.VALUE_UNREADABLE),
        (b'{"activity_id": 1}', ErrorCode.VALUE_UNREADABLE),
    ],
)
def test_a_value_without_header_is_refused(value: bytes | None, code: ErrorCode) -> None:
    with pytest.raises(StreamprocError) as caught:
        wire.schema_id_of(value)
    assert caught.value.code is code
