"""How far what a model says drifts from what it said before: histograms of a day, compared with stored ones. No I/O.

Three distributions over [0, 1] are watched: the confidence of verdicts on words, the share of a reading's words that
were read well, and the share of its phrases in which nobody, or another text, was heard. Two measures:

* the *population stability index*, Σ (a - b) ln(a / b) over the bins' shares (Lewis, "An Introduction to Credit
  Scoring", 1992; its usual reading: below 0.1 nothing, above 0.25 a shift). It sees any change of shape.
* the *Kolmogorov-Smirnov distance*, the largest difference of the cumulative shares; of binned data, so up to a bin's
  share smaller than of the values themselves. It sees a move of the whole.

Without any drift the index is not 0 but about χ² over the values (Yurdakul and Naranjo, "Statistical properties of the
population stability index", 2020): what chance alone explains in 999 of 1,000 days is no drift, however large it is.
The words of a reading are counted as one value there, as they are not independent.

Neither says why: a new school drifts as a broken microphone does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from streamproc.contracts.generated.events import PhraseStatus, Result, Verdict
from streamproc.errors import ErrorCode

BINS = 20
MEASURES = ("confidence", "accuracy", "silence")

WATCH, SHIFT = 0.1, 0.25
"""Population stability indices from which a change is worth a look, and is one."""

LEAST = 100
"""Values below which a histogram says nothing."""

_PRIOR = BINS / 2
"""Values that are added to both histograms, shared out as both together are: an empty bin makes the index not infinite,
and one that is empty in both adds nothing to it."""

_RARELY = 3.0902
"""Standard deviations beyond which one day of 1,000 lies."""

_READ_WELL = (Verdict.CORRECT, Verdict.ACCEPTED)
_SILENT = {ErrorCode.NOTHING_HEARD.name, ErrorCode.TOO_QUIET.name, ErrorCode.TEXT_NOT_HEARD.name}


@dataclass(slots=True)
class Profile:
    """Counts of each measure's bins."""

    bins: dict[str, list[int]] = field(default_factory=lambda: {measure: [0] * BINS for measure in MEASURES})

    def note(self, result: Result) -> None:
        """Count one result in."""
        words = [word for phrase in result.phrases for word in phrase.words if word.verdict is not Verdict.INSERTED]
        for word in words:
            self._add("confidence", word.confidence)
        if words:
            self._add("accuracy", sum(word.verdict in _READ_WELL for word in words) / len(words))
        silent = sum(phrase.status is PhraseStatus.FAILED and phrase.error_code in _SILENT for phrase in result.phrases)
        if result.phrases:
            self._add("silence", silent / len(result.phrases))

    def add(self, other: Profile) -> None:
        """Count another profile in."""
        for measure, counts in other.bins.items():
            self.bins[measure] = [one + more for one, more in zip(self.bins[measure], counts, strict=True)]

    def count(self, measure: str) -> int:
        """Values of a measure."""
        return sum(self.bins[measure])

    def independent(self, measure: str) -> int:
        """How many of a measure's values say something that the others do not: one of each reading."""
        return self.count("accuracy" if measure == "confidence" else measure)

    def _add(self, measure: str, value: float) -> None:
        self.bins[measure][min(int(value * BINS), BINS - 1)] += 1


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a measure has drifted."""

    psi: float
    ks: float
    values: int
    """Of the day."""
    chance: float = 0.0
    """The index that as many values have without any drift, on all but one day of 1,000."""

    @property
    def state(self) -> str:
        """few (too few values to say), steady, watch or shifted."""
        if self.values < LEAST or self.psi < self.chance > SHIFT:
            return "few"
        if self.psi < max(WATCH, self.chance):
            return "steady"
        return "watch" if self.psi < SHIFT else "shifted"


@dataclass(frozen=True, slots=True)
class DayOfModel:
    """What a model said on a day (UTC), and how far it is from the reference; empty where that has not this model."""

    day: date
    name: str
    sha256: str
    profile: Profile
    drift: dict[str, Drift]

    @property
    def state(self) -> str:
        """Of its measures the worst."""
        order = ("few", "steady", "watch", "shifted")
        return max((one.state for one in self.drift.values()), key=order.index, default="no reference")


def drift(profile: Profile, reference: Profile) -> dict[str, Drift]:
    """Of each measure that both have values of."""
    return {
        measure: Drift(
            psi(profile.bins[measure], reference.bins[measure]),
            ks(profile.bins[measure], reference.bins[measure]),
            profile.count(measure),
            _chance(profile, reference, measure),
        )
        for measure in MEASURES
        if profile.count(measure) and reference.count(measure)
    }


def psi(counts: Sequence[int], reference: Sequence[int]) -> float:
    """Population stability index; both must have values."""
    together = [one + other for one, other in zip(counts, reference, strict=True)]
    here, there = _shares(counts, together), _shares(reference, together)
    return sum((one - other) * math.log(one / other) for one, other in zip(here, there, strict=True) if one and other)


def _chance(profile: Profile, reference: Profile, measure: str) -> float:
    used = sum(one + other > 0 for one, other in zip(profile.bins[measure], reference.bins[measure], strict=True))
    if (freedom := used - 1) < 1:
        return 0.0
    # The quantile of χ² after Wilson and Hilferty (1931).
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + _RARELY * math.sqrt(part)) ** 3
    return quantile * (1 / profile.independent(measure) + 1 / reference.independent(measure))


def ks(counts: Sequence[int], reference: Sequence[int]) -> float:
    """Kolmogorov-Smirnov distance, 0 to 1. Raises ZeroDivisionError where one has no values."""
    total, others = sum(counts), sum(reference)
    largest = above = below = 0.0
    for one, other in zip(counts, reference, strict=True):
        above, below = above + one, below + other
        largest = max(largest, abs(above / total - below / others))
    return largest


def _shares(counts: Sequence[int], prior: Sequence[int]) -> list[float]:
    total, priors = sum(counts) + _PRIOR, sum(prior)
    return [(count + _PRIOR * before / priors) / total for count, before in zip(counts, prior, strict=True)]


def profile_of(bins: Mapping[str, Sequence[int]]) -> Profile:
    """A profile from stored counts.

    Raises:
        ValueError: they are none.
    """
    if set(bins) != set(MEASURES):
        raise ValueError(f"a profile has the measures {', '.join(MEASURES)}")
    for measure, counts in bins.items():
        if len(counts) != BINS or not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"{measure} has not {BINS} counts")
    return Profile({measure: list(bins[measure]) for measure in MEASURES})
