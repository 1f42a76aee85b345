"""The gate that new events pass: what closes it, and for how long, in simulated time."""

from __future__ import annotations

from streamproc.agents.intake import Intake


def test_it_knows_for_how_long_it_was_closed_whatever_the_reasons() -> None:
    now = 100.0
    told: list[tuple[str, bool, float]] = []

    def changed(reason: str, closed: bool) -> None:
        told.append((reason, closed, intake.closed_for))

    intake = Intake(changed, lambda: now)
    with intake.closed("first"):
        now += 2
        with intake.closed("second"):
            now += 3
    now += 50
    with intake.closed("first"):
        now += 1
    assert told == [
        ("first", True, 0),
        ("second", True, 2),
        ("second", False, 5),
        ("first", False, 5),
        ("first", True, 0),
        ("first", False, 1),
    ]
