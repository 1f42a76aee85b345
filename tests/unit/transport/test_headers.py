"""Header names that are not UTF-8; records with them are read in integration/deadletter/test_header_names.py."""

from __future__ import annotations

from typing import Any

import pytest
from support.holes import hole

from streamproc.transport.headers import headers_of, shown, shown_headers_of, unreadable

pytestmark = hole("B3")


class Failing:
    """A record whose binding raises as a later release may: at once, and every time."""

    def __init__(self) -> None:
        self._headers: Any = None

    def headers(self) -> Any:
        """As confluent-kafka's."""
        if self._headers is None:
            self._headers = [("a", b"1")]
            b"\xff".decode()
        return self._headers

    def set_headers(self, headers: Any) -> None:
        """As confluent-kafka's."""
        self._headers = headers


@pytest.mark.parametrize(
    ("raw", "text", "bad"),
    [
        (b"plain", "plain", False),
        ("é".encode(), "é", False),
        (b"\xff-x", r"\xff-x", True),
        (b"\xed\xa0\x80", r"\xed\xa0\x80", True),
    ],
)
def test_a_name_is_shown_whatever_its_bytes(raw: bytes, text: str, bad: bool) -> None:
    name = raw.decode(errors="surrogateescape")
    assert shown(name) == text
    assert unreadable([("x", b""), (name, None)]) is bad
    assert not unreadable([(shown(name), None)])
    assert name.encode(errors="surrogateescape") == raw


def test_a_binding_that_raises_the_decoding_error_itself_is_understood() -> None:
    record = Failing()
    assert headers_of(record) == [("a", b"1")]
    assert shown_headers_of(record) == [("a", b"1")]
