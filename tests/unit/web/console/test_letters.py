"""What may be asked of dead letters on the page, and what is refused before Kafka is asked."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.deadletter.ledger import LetterState
from streamproc.kafka.places import OffsetRange, Position
from streamproc.web.console.letters import MOST_AT_ONCE, BadRequest, LetterAction, LetterQuery

NOW = 1_000_000.0


def test_open_letters_are_listed_unless_others_are_asked_for() -> None:
    query = LetterQuery.of({})
    assert query.state is LetterState.OPEN
    assert query.selection.fields == {}
    assert query.below is None
    assert LetterQuery.of({"state": "any"}).state is None
    assert LetterQuery.of({"state": "parked"}).state is LetterState.PARKED


def test_filters_are_those_of_the_envelope() -> None:
    asked = {"code": " AUDIO_EMPTY ", "trace": "ab" * 16, "tenant": "", "hours": "2", "older": "0:5,1:7"}
    query = LetterQuery.of(asked, NOW)
    assert query.selection.fields == {"code": frozenset({"AUDIO_EMPTY"}), "trace.id": frozenset({"ab" * 16})}
    assert query.selection.since_ms == (NOW - 7200) * 1000
    assert query.below == {0: 5, 1: 7}


@pytest.mark.parametrize(
    "asked",
    [{"state": "gone"}, {"hours": "nan"}, {"hours": "inf"}, {"hours": "soon"}, {"older": "0"}, {"older": "-1:2"}],
)
def test_nonsense_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        LetterQuery.of(asked)


def action(**changed: Any) -> LetterAction:
    return LetterAction.of({"letters": ["1:5"], "by": "Kim", "reason": "a test", **changed}, discard=True)


def test_an_action_names_letters_who_and_why() -> None:
    done = action(letters=["1:5", "1:5", "0:2"], by=" Kim\n ", reason="a\x00test")
    assert done.letters == (Position(1, 5), Position(0, 2))
    assert done.by == "Kim (page)"
    assert done.reason == "a\\x00test"
    assert not done.dry_run
    assert done.selection.spans == (OffsetRange(1, 5, 6), OffsetRange(0, 2, 3))


@pytest.mark.parametrize(
    "changed",
    [
        {"letters": []},
        {"letters": "1:5"},
        {"letters": ["five"]},
        {"letters": [f"0:{number}" for number in range(MOST_AT_ONCE + 1)]},
        {"by": ""},
        {"by": "  "},
        {"by": "x" * 101},
        {"by": 5},
        {"reason": ""},
        {"reason": "x" * 1_001},
    ],
)
def test_an_action_that_says_too_little_or_too_much_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        action(**changed)


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_what_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(BadRequest):
        LetterAction.of(body, discard=False)


def test_a_rehearsal_needs_no_reason_and_a_replay_neither() -> None:
    assert action(reason="", dry_run=True).dry_run
    assert LetterAction.of({"letters": ["1:5"], "by": "Kim"}, discard=False).reason == ""
