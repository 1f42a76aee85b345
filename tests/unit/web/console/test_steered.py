"""Canary and shadow as the page shows them: of one worker, and of several together."""

from __future__ import annotations

from support.control_events import model

from streamproc.contracts.generated.events_control import ControlledModel, LiveSettings
from streamproc.routing.comparing import ComparedReading
from streamproc.routing.control import Canary, ControlState
from streamproc.routing.guard import BOUNDS, CanaryGuard
from streamproc.routing.standing import Standing
from streamproc.web.console.steered import Steered, SteeredFigures, steered_together

CANARY = Canary("c1", model(3), 0.25)


def worker(
    revision: int = 4,
    *,
    canary: Canary | None = CANARY,
    shadow: ControlledModel | None = None,
    readings: int = 0,
    compared: int = 0,
    used: bool = True,
) -> SteeredFigures:
    """One that has seen so many readings of its canary, and compared so many of its shadow."""
    guard, standing = CanaryGuard("c1", lambda: 0.5), Standing()
    state = ControlState(revision=revision, champion=model(2), canary=canary, shadow=shadow)
    standing.obey(state)
    for _ in range(readings):
        standing.routed("canary")
        guard.answered(1.0)
    for _ in range(compared):
        standing.compared("compared", False, ComparedReading(1.0, 1.0, same=9, words=10))
    return SteeredFigures.of(Steered(lambda: state, tuple, lambda: guard if used else None, standing))


def test_nobody_has_said_anything() -> None:
    together = steered_together([SteeredFigures.of(Steered())])
    assert together == {
        "revision": -1, "workers": 1, "behind": 0, "champion": None, "canary": None, "shadow": None, "live": {},
    }  # fmt: skip


def test_of_several_workers_readings_are_added_and_the_nearest_test_counts() -> None:
    one, other = worker(readings=3), worker(readings=4)
    assert one.canary is not None
    one.canary.tests["errors"] = one.canary.tests["errors"].model_copy(update={"evidence": 0.7})
    canary = steered_together([one, other])["canary"]
    assert (canary["model"]["version"], canary["share"], canary["used_by"]) == ("3", 0.25, 2)
    assert canary["answered"] == {"canary": 7, "instead": 0}
    assert [test["name"] for test in canary["tests"]] == list(BOUNDS)
    assert canary["tests"][0] == {"name": "errors", "bound": BOUNDS["errors"], "seen": 7, "evidence": 0.7}


def test_a_worker_that_has_read_less_is_behind_and_its_canary_does_not_count() -> None:
    old = worker(revision=2, canary=Canary("c0", model(1), 1.0), readings=50)
    together = steered_together([old, worker(readings=1)])
    assert (together["revision"], together["behind"], together["workers"]) == (4, 1, 2)
    assert together["canary"]["answered"]["canary"] == 1


def test_a_canary_that_is_not_in_use_yet_has_no_tests() -> None:
    canary = steered_together([worker(used=False)])["canary"]
    assert canary["used_by"] == 0
    assert {test["seen"] for test in canary["tests"]} == {0}


def test_a_shadow_s_agreement_is_that_of_all_who_compare_it() -> None:
    shadow = steered_together([worker(shadow=model(5), compared=2), worker(shadow=model(5), compared=1), worker()])[
        "shadow"
    ]
    assert (shadow["version"], shadow["same"], shadow["words"]) == ("5", 27, 30)
    assert shadow["ends"]["compared"] == 3


def test_live_settings_are_those_that_are_set() -> None:
    state = ControlState(live=LiveSettings(max_in_flight=4))
    assert SteeredFigures.of(Steered(lambda: state)).live == {"max_in_flight": 4}


def test_what_a_newer_release_tells_beside_is_passed_over() -> None:
    told = worker(readings=1).model_dump(mode="json")
    told["canary"]["temperature"] = 0.5
    assert SteeredFigures.model_validate({**told, "mode": "new"}) == worker(readings=1)
