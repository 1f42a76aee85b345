"""Letters, their statistics and what was done with them, for programs: what ``--json`` prints, and the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamproc.deadletter.ledger import LetterLedger, LetterState
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.replay import Tally
from streamproc.deadletter.statistics import Group, columns
from streamproc.deadletter.times import iso_of
from streamproc.kafka.places import number

BAR_WIDTH = 32
"""Parts that the time of a group's letters is divided in."""


def letter_json(letter: Letter, ledger: LetterLedger) -> dict[str, Any]:
    """A letter, for programs."""
    return {
        "position": str(letter.position),
        "time": iso_of(letter.timestamp_ms),
        "state": ledger.state(letter.position).value,
        "replays": letter.replays,
        "tries": tries_of(letter),
        "stub": letter.is_stub,
        "error": dict(letter.error),
    }


def tries_of(letter: Letter) -> int | None:
    """How often the event was tried, as far as the letter tells: once in every run before the last, in which steps
    may have been tried again unseen, and the attempts of the last run. None: it does not tell.
    """
    attempts = number(letter.error.get("attempts"))
    return None if attempts is None else letter.replays + attempts


def group_json(group: Group, first: int, last: int) -> dict[str, Any]:
    """The letters of one cause, for programs; ``first`` and ``last``: the time in which ``over_time`` is divided."""
    return {
        "code": group.code,
        "stage": group.stage,
        "fingerprint": group.fingerprint,
        "letters": group.count,
        "first": iso_of(group.first_ms),
        "last": iso_of(group.last_ms),
        "over_time": columns(group, first, last, BAR_WIDTH),
        "message": group.message,
    }


def tally_json(outcome: Tally, states: Sequence[LetterState]) -> dict[str, Any]:
    """What was done with letters, or would be."""
    foreign = [str(position) for position in outcome.foreign]
    return {
        **{state.value: outcome.done[state] for state in states},
        "refused": [{"position": str(position), "reason": reason} for position, reason in outcome.refused],
        "no_letters": len(foreign),
        "no_letters_at": foreign,
    }
