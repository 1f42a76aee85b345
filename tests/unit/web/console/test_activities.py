"""What is meant by what somebody types in, to find an activity."""

from __future__ import annotations

import pytest

from streamproc.kafka.places import Position
from streamproc.web.console.activities import ActivityQuery
from streamproc.web.console.letters import BadRequest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"ce_subject": b"reading-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01".encode()}


def query(text: str) -> ActivityQuery:
    return ActivityQuery.of(text, "activities")


def test_an_activitys_id() -> None:
    assert query(" reading-1 ").wants(HEADERS, None)
    assert not query("reading-2").wants(HEADERS, None)
    assert not query("reading-1").wants({}, Position(0, 1))


def test_a_traces_id() -> None:
    assert query(TRACE).wants(HEADERS, None)
    assert not query(TRACE[:-1]).wants(HEADERS, None)
    assert not query(TRACE[:-1] + "0").wants(HEADERS, None)


def test_an_id_that_looks_like_a_traces_is_found_too() -> None:
    assert query(TRACE).wants({"ce_subject": TRACE.encode()}, None)


@pytest.mark.parametrize("text", ["2:15", "activities/2/15"])
def test_the_place_of_the_record(text: str) -> None:
    assert query(text).place == Position(2, 15)
    assert query(text).wants({}, Position(2, 15))
    assert not query(text).wants(HEADERS, Position(2, 16))
    assert not query(text).wants(HEADERS, None)


def test_another_topics_place_is_an_id() -> None:
    assert query("others/2/15").place is None


@pytest.mark.parametrize("text", ["", "   ", "x" * 301])
def test_nothing_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        query(text)
