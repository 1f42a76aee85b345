"""An event's time goes with it to the next topic, and no further."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from streamproc.transport.flight.event_time import HEADER, carried_time, time_of, with_time
from streamproc.transport.headers import Headers

SENT = 1_700_000_000_000


def record(headers: Headers | None) -> Mock:
    return Mock(**{"headers.return_value": headers, "timestamp.return_value": (1, SENT)})


def test_the_time_that_a_record_carries_is_its_events() -> None:
    assert time_of(record(with_time([("trace", b"1")], "few", 60_000)), "few") == 60_000


@pytest.mark.parametrize("headers", [None, [], [("trace", b"1")]])
def test_a_record_that_carries_none_has_its_own(headers: Headers | None) -> None:
    assert time_of(record(headers), "few") == SENT


def test_a_copy_in_another_topic_has_its_own() -> None:
    headers = with_time(None, "few", 60_000)
    assert carried_time(headers, "fewer") is None
    assert time_of(record(headers), "out") == SENT


def test_who_passes_it_on_once_more_leaves_one_header() -> None:
    twice = with_time(with_time([("trace", b"1")], "few", 60_000), "more", 60_000)
    assert twice == [("trace", b"1"), (HEADER, b"more 60000")]


@pytest.mark.parametrize("value", [None, b"", b"few", b"few ", b"few -1", b"few 1.5", b"few \xb2", b"\xff 60000"])
def test_what_is_no_time_is_none(value: bytes | None) -> None:
    assert carried_time([(HEADER, value)], "few") is None


def test_a_header_that_somebody_has_put_behind_it_makes_it_none_of_ours() -> None:
    headers = [*with_time(None, "few", 60_000), ("trace", b"1")]
    assert time_of(record(headers), "few") == SENT
