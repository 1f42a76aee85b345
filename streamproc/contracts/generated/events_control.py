"""The events, typed. Generated from schemas/ by ``python -m streamproc.contracts.upkeep.generate``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ControlKind(StrEnum):
    """CHAMPION: this model scores. CANARY: this model scores a share of the learners. SHADOW: this model
    is compared and never published. ROLLBACK: the canary ends. SETTINGS: settings change. UNKNOWN: a
    kind newer than this reader, which counts as a revision and changes nothing.
    """

    UNKNOWN = "UNKNOWN"
    CHAMPION = "CHAMPION"
    CANARY = "CANARY"
    SHADOW = "SHADOW"
    ROLLBACK = "ROLLBACK"
    SETTINGS = "SETTINGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledModel:
    """A model in the model repository, exactly."""

    name: str
    """Its name."""
    version: str
    """Its version, a number."""
    sha256: str
    """SHA-256 of its weights, in hexadecimal: a worker that finds others under this name does not use
    them.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """Settings that change while workers run. All of them are set at once: null gives a setting back to
    each worker's own configuration.
    """

    max_in_flight: int | None = None
    """STREAMPROC_WORKER__MAX_IN_FLIGHT, downwards: never above what the worker started with."""
    max_audio_seconds: float | None = None
    """STREAMPROC_TRITON__MAX_AUDIO_SECONDS."""
    fallback: str | None = None
    """STREAMPROC_INFERENCE__FALLBACK: pause or onnx; onnx only where the worker started with it."""
    decode: str | None = None
    """STREAMPROC_SCORING__DECODE: greedy or beam."""
    debug_share: float | None = None
    """STREAMPROC_LOG__DEBUG_SHARE, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlEvent:
    """A change to what all workers do while they run: which models score which share of readings, and the
    few settings that change without a redeploy. Every worker reads all of them, in the order of the
    log; an event whose expected_revision is not the revision before it is no change, and so are events
    that break a rule. The topic's events are its audit: they are never removed.
    """

    change_id: str
    """Identifier of the change, a UUID; the record's key, so that compaction removes nothing but
    repetitions.
    """
    expected_revision: int
    """The revision that the author saw: the offset of the last event that counted, -1 before the first. Of
    two who saw the same, the first in the log is obeyed.
    """
    at: datetime
    """When it was written, UTC, by its author's clock."""
    by: str
    """Who wrote it: an operator's name, or a worker's."""
    reason: str
    """Why, in a sentence."""
    kind: ControlKind
    """What changes."""
    model: ControlledModel | None = None
    """The model of CHAMPION, CANARY and SHADOW. Null with CHAMPION: each worker's own configuration names
    it; null with SHADOW: none is compared any more.
    """
    share: float | None = None
    """Of CANARY: the share of learners that it scores, above 0 and up to 1."""
    canary_id: str | None = None
    """Of ROLLBACK: the change_id of the canary that ends. Where another one runs by now, nothing changes."""
    forced: bool = False
    """Of CHAMPION: whether the author overruled the evaluation gate."""
    live: LiveSettings | None = None
    """Of SETTINGS: the settings."""
