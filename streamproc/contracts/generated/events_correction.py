"""The events, typed. Generated from schemas/ by ``python -m streamproc.contracts.upkeep.generate``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class WordVerdict(StrEnum):
    """CORRECT, ACCEPTED (a known variant), MISPRONOUNCED, OMITTED. UNKNOWN: a verdict newer than this
    reader.
    """

    UNKNOWN = "UNKNOWN"
    CORRECT = "CORRECT"
    ACCEPTED = "ACCEPTED"
    MISPRONOUNCED = "MISPRONOUNCED"
    OMITTED = "OMITTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A teacher overrules the verdict on one word of a result. Progress follows; the result stays as it
    is, and the correction is kept as labelled data. The Kafka key is learner_id.
    """

    correction_id: str
    """Identifier of this correction, chosen by the publisher; a UUID is recommended."""
    learner_id: str = field(repr=False)
    """The result's learner."""
    tenant_id: str
    """The result's tenant."""
    activity_id: str
    """The result's activity."""
    result_id: str
    """The result that is overruled: its ce_id, which is its activity's topic/partition/offset."""
    phrase_index: int
    """The phrase's index."""
    word_index: int
    """The word's place among the words of the phrase's result, from 0; inserted ones count."""
    word: str = field(repr=False)
    """The word as printed, so that a wrong index is found."""
    overruled: str
    """The verdict in the result, by its name."""
    verdict: WordVerdict
    """What the teacher says; never UNKNOWN."""
    corrected_by: str = field(repr=False)
    """Opaque identifier of who overrules. Never a name or an address."""
    corrected_at: datetime
    """When, UTC."""
