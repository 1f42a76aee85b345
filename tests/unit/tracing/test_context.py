"""W3C's trace context, from strangers' headers and into our own."""

from __future__ import annotations

import pytest

from streamproc.tracing.context import carried, child_of, extracted, span_context

GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_a_record_carries_is_passed_on_as_a_child() -> None:
    parent = span_context(extracted([("mine", b"1"), ("traceparent", GOOD), ("tracestate", b"vendor=1")]))
    assert parent is not None
    (name, value), (state, vendor) = carried(child_of(parent, sampled=True))
    assert (name, value[:36], value[-3:]) == ("traceparent", GOOD[:36], b"-01")
    assert value[36:52] != GOOD[36:52]
    assert (state, vendor) == ("tracestate", b"vendor=1")


@pytest.mark.parametrize(
    "value",
    [None, b"", b"00-0-0-01", b"\xff" * 55, GOOD.replace(b"4bf9", b"XXXX"), b"00-" + b"0" * 9_000, b"ff" + GOOD[2:]],
)
def test_nonsense_is_no_context(value: bytes | None) -> None:
    assert span_context(extracted([("traceparent", value)])) is None


def test_a_state_of_any_length_is_not_passed_on() -> None:
    state = b",".join(b"vendor%d=" % number + b"1" * 200 for number in range(30))
    parent = span_context(extracted([("traceparent", GOOD), ("tracestate", state)]))
    assert parent is not None
    assert [name for name, _ in carried(parent)] == ["traceparent"]


def test_a_context_that_is_not_sampled_says_so() -> None:
    parent = span_context(extracted([("traceparent", GOOD)]))
    assert parent is not None
    assert carried(child_of(parent, sampled=False))[0][1].endswith(b"-00")
