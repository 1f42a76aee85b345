"""What agents send is odd in every way there is: each event has one outcome, and the worker lives on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet import Fleet
from support.holes import hole
from support.odd_sends import outcomes_of
from support.plan import new_plan
from support.raw_records import RawRecord, send_raw
from support.waiting import wait_for

ECHO = Path(__file__).with_name("echo_worker.py")


@hole("B6", "B3")
@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_every_event_has_one_outcome(kafka_bootstrap: str, tmp_path: Path, guarantee: str) -> None:
    found = outcomes_of(kafka_bootstrap, tmp_path, guarantee=guarantee, sends=200, copies=150, seed=1)
    assert found["sent"] > 50
    assert found["Unsendable"] > 50
    if guarantee == "exactly_once":  # without it the notes of refused events were written before
        assert found["MSG_SIZE_TOO_LARGE"] > 0
        assert found["INVALID_TIMESTAMP"] > 0


@hole("B3", "B6")
@pytest.mark.parametrize("on_raise", ["stop", "skip", "retry"])
def test_on_raise_decides_on_a_copy_of_headers_that_nobody_can_send(
    kafka_bootstrap: str, tmp_path: Path, on_raise: str
) -> None:
    """The worker copies whole records."""
    plan = new_plan(kafka_bootstrap, "names", {"on_raise": on_raise, "retry_backoff": 0.05})
    written = [RawRecord(b"a", b"good"), RawRecord(b"b", b"bad", [(b"\xff\xfe", b"1")]), RawRecord(b"c", b"good too")]
    send_raw(kafka_bootstrap, plan.source, written)
    with Fleet(plan, tmp_path, script=ECHO) as fleet:
        member = fleet.start("a")
        if on_raise == "stop":
            fleet.wait_end("a", 60)
        else:
            wait_for(lambda: member.log_text().count("the agent raised") >= (2 if on_raise == "retry" else 1), "it", 60)
            fleet.check_alive()
        log = member.log_text()
    assert "[0]@1" in log
    assert "a header holds text that is not UTF-8" in log
