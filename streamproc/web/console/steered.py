"""Which models are in use and how canary and shadow stand: of one worker, and of all that tell it, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.routing.control import NOTHING, Canary, ControlChange, ControlState
from streamproc.routing.guard import BOUNDS, CanaryGuard
from streamproc.routing.standing import Agreement, Standing
from streamproc.routing.telling import change_json, live_of, what
from streamproc.web.console.told import Told, sums


@dataclass(frozen=True, slots=True)
class Steered:
    """What the page asks of a worker that is steered; by default one to which nobody has said anything.

    state, changes: what the control topic says, and the last changes that led there. guard: of the canary in use.
    """

    state: Callable[[], ControlState] = ControlState
    changes: Callable[[], Sequence[ControlChange]] = tuple
    guard: Callable[[], CanaryGuard | None] = lambda: None
    standing: Standing = field(default_factory=Standing)


class AgreementFigures(Told):
    """Readings by what came of the comparison, and words on which both models agree."""

    ends: dict[str, int] = Field(default_factory=dict)
    same: int = 0
    words: int = 0

    @classmethod
    def of(cls, found: Agreement) -> AgreementFigures:
        """As of now."""
        return cls(ends=dict(found.ends), same=found.same, words=found.words)


class SteeredModel(Told):
    """A model of the control topic's."""

    name: str
    version: str
    sha256: str

    @classmethod
    def of(cls, model: ControlledModel) -> SteeredModel:
        """The same."""
        return cls(name=model.name, version=model.version, sha256=model.sha256)


class TestFigures(Told):
    """One test of a canary: what it has seen, and how far it is from proving that a bound is left, 0 to 1."""

    __test__ = False

    seen: int
    evidence: float


class CanaryFigures(Told):
    """The canary, and how this worker sees it. ``used``: whether it scores here already, or still."""

    id: str
    model: SteeredModel
    share: float
    used: bool
    answered: dict[str, int]
    tests: dict[str, TestFigures]
    tested_share: float | None
    """Of all activities, what the tests of this worker are of; None: they have seen nothing yet."""
    agreement: AgreementFigures

    @classmethod
    def of(cls, canary: Canary, guard: CanaryGuard | None, standing: Standing) -> CanaryFigures:
        """As of now."""
        used = guard is not None and guard.canary_id == canary.id
        tests = guard.evidence if guard is not None and used else {}
        return cls(
            id=canary.id,
            model=SteeredModel.of(canary.model),
            share=canary.share,
            used=used,
            answered=dict(standing.answered),
            tests={name: TestFigures(seen=seen, evidence=round(near, 3)) for name, (seen, near) in tests.items()},
            tested_share=guard.share if guard is not None and used else None,
            agreement=AgreementFigures.of(standing.canary),
        )


class SteeredFigures(Told):
    """What the control topic says, as a worker has read it, and how canary and shadow stand there.

    champion: None where the worker's own configuration names it.
    """

    revision: int = NOTHING
    champion: SteeredModel | None = None
    canary: CanaryFigures | None = None
    shadow: SteeredModel | None = None
    shadow_agreement: AgreementFigures = AgreementFigures()
    live: dict[str, int | float | str] = Field(default_factory=dict)

    @classmethod
    def of(cls, steered: Steered) -> SteeredFigures:
        """As of now."""
        state, standing = steered.state(), steered.standing
        return cls(
            revision=state.revision,
            champion=None if state.champion is None else SteeredModel.of(state.champion),
            canary=None if state.canary is None else CanaryFigures.of(state.canary, steered.guard(), standing),
            shadow=None if state.shadow is None else SteeredModel.of(state.shadow),
            shadow_agreement=AgreementFigures.of(standing.shadow),
            live=live_of(state.live),
        )


def steered_together(told: Sequence[SteeredFigures]) -> dict[str, Any]:
    """As the worker that has read furthest says, with the sums of all that have the same canary and the same shadow."""
    newest = max(told, key=lambda one: one.revision)
    canary, shadow = newest.canary, newest.shadow
    same_canary = [one.canary for one in told if canary and one.canary and one.canary.id == canary.id]
    same_shadow = [one.shadow_agreement for one in told if one.shadow == shadow]
    return {
        "revision": newest.revision,
        "workers": len(told),
        "behind": sum(one.revision < newest.revision for one in told),
        "champion": None if newest.champion is None else newest.champion.model_dump(),
        "canary": _canaries(same_canary) if same_canary else None,
        "shadow": None if shadow is None else {**shadow.model_dump(), **_agreed(same_shadow)},
        "live": newest.live,
    }


def change_row(change: ControlChange) -> dict[str, Any]:
    """A change for the page's list: who, when, what, why, and what it came to."""
    told = change_json(change)
    return {
        "what": what(change.event),
        **{name: told[name] for name in ("offset", "at", "by", "reason", "fate", "why")},
    }


def _canaries(seen: Sequence[CanaryFigures]) -> dict[str, Any]:
    return {
        "model": seen[0].model.model_dump(),
        "share": seen[0].share,
        "id": seen[0].id,
        "used_by": sum(one.used for one in seen),
        "answered": sums(one.answered for one in seen),
        "tests": [_test(name, [one.tests[name] for one in seen if name in one.tests]) for name in BOUNDS],
        **_agreed([one.agreement for one in seen]),
    }


def _test(name: str, seen: Sequence[TestFigures]) -> dict[str, Any]:
    return {
        "name": name,
        "bound": BOUNDS[name],
        "seen": sum(one.seen for one in seen),
        # Each worker decides by itself: who is nearest to it will be the first.
        "evidence": max((one.evidence for one in seen), default=0.0),
    }


def _agreed(seen: Sequence[AgreementFigures]) -> dict[str, Any]:
    return {
        "ends": sums(one.ends for one in seen),
        "same": sum(one.same for one in seen),
        "words": sum(one.words for one in seen),
    }
