"""The state that control events come to: in the order of the log, whoever else writes, whatever they say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.control_events import control_event, model

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, LiveSettings
from streamproc.routing.control import ControlChange, ControlState, Fate, advance
from streamproc.routing.rules import faults

CHAMPION, CANARY, SHADOW = ControlKind.CHAMPION, ControlKind.CANARY, ControlKind.SHADOW
ROLLBACK, SETTINGS = ControlKind.ROLLBACK, ControlKind.SETTINGS


def fold(*events: ControlEvent) -> tuple[ControlState, list[ControlChange]]:
    """Events as the log has them, one behind the other from offset 0."""
    state, changes = ControlState(), []
    for offset, event in enumerate(events):
        state, change = advance(state, offset, event)
        changes.append(change)
    return state, changes


def test_without_events_the_configuration_decides() -> None:
    state, _ = fold()
    assert (state.revision, state.champion, state.canary, state.shadow) == (-1, None, None, None)


def test_of_two_who_saw_the_same_the_first_in_the_log_is_obeyed() -> None:
    state, (won, lost) = fold(control_event(CHAMPION, model=model(2)), control_event(CHAMPION, model=model(3)))
    assert (won.fate, lost.fate) == (Fate.OBEYED, Fate.LATE)
    assert (state.champion, state.revision) == (model(2), 0)
    assert "-1" in lost.why, "it says which revision was seen"


def test_a_late_event_does_not_move_the_revision() -> None:
    late = control_event(SHADOW)
    state, changes = fold(control_event(CHAMPION), late, control_event(SHADOW, expected_revision=0))
    assert [change.fate for change in changes] == [Fate.OBEYED, Fate.LATE, Fate.OBEYED]
    assert state.revision == 2


@pytest.mark.parametrize("odd", [control_event(ControlKind.UNKNOWN), control_event(CANARY, share=1.01)])
def test_what_is_not_obeyed_moves_the_revision_so_that_releases_agree_on_it(odd: ControlEvent) -> None:
    state, changes = fold(odd, control_event(CHAMPION, expected_revision=0))
    assert changes[0].fate in (Fate.UNKNOWN, Fate.REFUSED)
    assert changes[1].fate is Fate.OBEYED
    assert (state.canary, state.champion) == (None, model())


def test_a_canary_that_becomes_champion_is_no_canary_any_more() -> None:
    canary = control_event(CANARY, model=model(2))
    state, _ = fold(canary, control_event(CHAMPION, model=model(2), expected_revision=0))
    assert (state.champion, state.canary) == (model(2), None)
    state, _ = fold(canary, control_event(CHAMPION, model=model(3), expected_revision=0))
    assert state.canary is not None, "another champion leaves it"


def test_a_champion_knows_the_one_before() -> None:
    state, _ = fold(control_event(CHAMPION, model=model(2)), control_event(CHAMPION, model=None, expected_revision=0))
    assert (state.champion, state.previous) == (None, model(2))


def test_it_is_known_whether_the_champion_is_one_that_was_put_back() -> None:
    champions = [model(1), model(2), model(1), model(2), model(3), model(2), model(4), None]
    events = [control_event(CHAMPION, model=one, expected_revision=at - 1) for at, one in enumerate(champions)]
    known = [fold(*events[: at + 1])[0].put_back for at in range(len(events))]
    assert known == [False, False, True, False, False, True, False, False], "from 1 to 2 again is forward"


def test_a_rollback_ends_the_canary_that_it_names_and_no_other() -> None:
    canary = control_event(CANARY)
    state, _ = fold(canary, control_event(ROLLBACK, canary_id=canary.change_id, expected_revision=0))
    assert state.canary is None
    state, changes = fold(canary, control_event(ROLLBACK, canary_id="another", expected_revision=0))
    assert state.canary is not None
    assert changes[1].fate is Fate.OBEYED, "it does nothing, and is no mistake: somebody was quicker"


def test_a_shadow_is_set_and_taken_away() -> None:
    state, _ = fold(control_event(SHADOW))
    assert state.shadow == model()
    state, _ = fold(control_event(SHADOW), control_event(SHADOW, model=None, expected_revision=0))
    assert state.shadow is None


def test_settings_are_set_as_a_whole() -> None:
    first = control_event(SETTINGS, live=LiveSettings(max_in_flight=3, decode="beam"))
    state, _ = fold(first, control_event(SETTINGS, live=LiveSettings(decode="greedy"), expected_revision=0))
    assert state.live == LiveSettings(decode="greedy")


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (CANARY, {"share": 1.01}, "not 101 %"),
        (CANARY, {"share": 0.0}, "above 0 %"),
        (CANARY, {"share": math.nan}, "nan"),
        (CANARY, {"share": None}, "needs a share"),
        (CANARY, {"model": None}, "needs a model"),
        (CHAMPION, {"share": 0.5}, "belongs to a canary"),
        (CHAMPION, {"model": model(name="")}, "no name"),
        (CHAMPION, {"by": " "}, "by is missing"),
        (CHAMPION, {"reason": ""}, "reason is missing"),
        (CHAMPION, {"reason": "two\nlines"}, "no line of text"),
        (CHAMPION, {"canary_id": "x"}, "names the canary"),
        (ROLLBACK, {}, "names the canary"),
        (SETTINGS, {}, "settings are missing"),
        (SETTINGS, {"live": LiveSettings(max_in_flight=0)}, "max_in_flight"),
        (SETTINGS, {"live": LiveSettings(max_audio_seconds=math.inf)}, "max_audio_seconds"),
        (SETTINGS, {"live": LiveSettings(fallback="retry")}, "fallback"),
        (SETTINGS, {"live": LiveSettings(decode="guess")}, "decode"),
        (SETTINGS, {"live": LiveSettings(debug_share=2.0)}, "debug_share"),
    ],
)
def test_what_breaks_a_rule_is_told_and_not_obeyed(kind: ControlKind, given: dict[str, Any], told: str) -> None:
    event = control_event(kind, **given)
    assert told in "; ".join(faults(event))
    state, (change,) = fold(event)
    assert change.fate is Fate.REFUSED
    assert state == ControlState(revision=0)


@pytest.mark.parametrize("kind", [CHAMPION, CANARY, SHADOW])
def test_what_keeps_the_rules_has_no_faults(kind: ControlKind) -> None:
    assert not list(faults(control_event(kind)))
