"""What the control topic says: its events folded into one state, in the order of the log. No I/O.

An event counts where its ``expected_revision`` is the revision before it: compare-and-set by position. So two who
write at once are put in order by the log, and every reader comes to the same state. Whether an event counts does not
depend on what it says: one that this release does not know, or that breaks a rule, moves the revision and nothing
else. So workers of different releases never lose each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, ControlledModel, LiveSettings
from streamproc.routing.rules import faults

NOTHING = -1
"""The revision before the first event."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A model that scores a share of the learners; its id is the change that began it."""

    id: str
    model: ControlledModel
    share: float


@dataclass(frozen=True, slots=True)
class ControlState:
    """What all workers do. The champion is None where each worker's own configuration names it."""

    revision: int = NOTHING
    champion: ControlledModel | None = None
    previous: ControlledModel | None = None
    """The champion before this one."""
    put_back: bool = False
    """Whether the champion was put back in place of ``previous``: to go back once more would be to go forward."""
    canary: Canary | None = None
    shadow: ControlledModel | None = None
    live: LiveSettings = field(default_factory=LiveSettings)


class Fate(StrEnum):
    """What an event came to."""

    OBEYED = "obeyed"
    LATE = "late"
    """Somebody else was before it in the log."""
    REFUSED = "refused"
    """It breaks a rule."""
    UNKNOWN = "unknown"
    """Its kind is newer than this release."""


@dataclass(frozen=True, slots=True)
class ControlChange:
    """One event of the log, and what it came to."""

    offset: int
    event: ControlEvent
    fate: Fate
    why: str = ""


def advance(state: ControlState, offset: int, event: ControlEvent) -> tuple[ControlState, ControlChange]:
    """The state after an event at ``offset``."""
    if event.expected_revision != state.revision:
        why = f"it was written after revision {event.expected_revision}, and the log was at {state.revision}"
        return state, ControlChange(offset, event, Fate.LATE, why)
    counted = replace(state, revision=offset)
    if event.kind is ControlKind.UNKNOWN:
        return counted, ControlChange(offset, event, Fate.UNKNOWN, "its kind is newer than this release")
    if wrong := "; ".join(faults(event)):
        return counted, ControlChange(offset, event, Fate.REFUSED, wrong)
    return _obeyed(counted, event), ControlChange(offset, event, Fate.OBEYED)


def _obeyed(state: ControlState, event: ControlEvent) -> ControlState:
    model = event.model
    match event.kind:
        case ControlKind.CHAMPION:
            # A model has one part: who becomes champion is neither canary nor shadow any more.
            canary = None if state.canary is not None and state.canary.model == model else state.canary
            shadow = None if state.shadow == model else state.shadow
            put_back = state.champion is not None and model == state.previous and not state.put_back
            return replace(
                state, champion=model, previous=state.champion, put_back=put_back, canary=canary, shadow=shadow
            )
        case ControlKind.CANARY if model is not None and event.share is not None:
            return replace(state, canary=Canary(event.change_id, model, event.share))
        case ControlKind.SHADOW:
            return replace(state, shadow=model)
        case ControlKind.ROLLBACK if state.canary is not None and state.canary.id == event.canary_id:
            return replace(state, canary=None)
        case ControlKind.SETTINGS if event.live is not None:
            return replace(state, live=event.live)
    # A rollback of a canary that is gone: whoever else has found it bad was quicker.
    return state
