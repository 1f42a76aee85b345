"""A release is taken back for budgets that begin to burn after it came, and for nothing else."""

from __future__ import annotations

from pathlib import Path

from streamproc.deployment.guard import BLIND_S, BURNS, Guard
from streamproc.telemetry.alerting.burning import BURNS as RATES
from streamproc.telemetry.alerting.burning import FEWEST
from streamproc.telemetry.objectives import objectives

PAGE = Path(__file__).parents[3] / "docs/how-to/roll-out-a-release.md"

BURN = "StreamprocLatencyBurnFast"
SLOW = "StreamprocLatencyBurnSlow"
CAUSE = "StreamprocBreakerOpen"


def test_only_burns_that_call_a_person_count() -> None:
    assert BURN in BURNS
    assert not BURNS & {SLOW, CAUSE}
    guard = Guard(60, began=0)
    assert guard.look(1, {SLOW, CAUSE}) == "watch"
    assert guard.look(2, {SLOW, CAUSE, BURN}) == "bad"
    assert guard.blamed == (BURN,)


def test_nothing_burns_until_the_time_is_over() -> None:
    guard = Guard(60, began=100)
    assert guard.look(100, set()) == "watch"
    assert guard.look(159.9, set()) == "watch"
    assert guard.look(160, set()) == "good"


def test_what_burnt_before_the_release_is_not_its_fault() -> None:
    guard = Guard(60, began=0)
    assert guard.look(0, {BURN}) == "watch"
    assert guard.look(30, {BURN}) == "watch"
    assert guard.look(60, {BURN}) == "good"


def test_what_was_over_and_begins_again_is() -> None:
    guard = Guard(60, began=0)
    guard.look(0, {BURN})
    guard.look(10, set())
    assert guard.look(20, {BURN}) == "bad"


def test_an_old_burn_does_not_hide_a_new_one() -> None:
    guard = Guard(60, began=0)
    guard.look(0, {BURN})
    assert guard.look(10, {BURN, "StreamprocOutcomeBurnFast"}) == "bad"
    assert guard.blamed == ("StreamprocOutcomeBurnFast",)


def test_who_sees_nothing_for_long_says_so_and_does_not_call_it_good() -> None:
    guard = Guard(60, began=0)
    guard.look(0, set())
    assert guard.look(BLIND_S - 1, None) == "watch"
    assert guard.look(BLIND_S, None) == "blind"


def test_an_answer_ends_the_blindness() -> None:
    guard = Guard(10_000, began=0)
    guard.look(BLIND_S - 1, set())
    assert guard.look(2 * BLIND_S - 2, None) == "watch"


def test_the_first_answer_is_what_was_there_before_however_late() -> None:
    guard = Guard(60, began=0)
    assert guard.look(0, None) == "watch"
    assert guard.look(15, {BURN}) == "watch"


def test_the_page_for_operators_says_what_takes_a_release_back() -> None:
    text = PAGE.read_text("utf-8")
    (days,) = {one.days for one in objectives()}
    rows = {
        f"| `Streamproc…Burn{one.name}` | {one.rate:g} | {one.long} | {one.short} | {days / one.rate:.0f} days |"
        for one in RATES
        if one.severity == "page"
    }
    assert rows == {line for line in text.splitlines() if line.startswith("| `Streamproc…Burn")}
    assert f"At least {FEWEST} activities must have missed" in text
    assert f"Prometheus did not answer for {BLIND_S / 60:.0f} minutes" in text
