"""How right the verdicts are, with the doubt that so few speakers leave.

False alarms are of words that every expert marked perfect; detection is of words with a median of 3 or less. AUC and
correlation ask whether the order is right, wherever a threshold lies. Intervals hold 95 % of what 400 samples of as
many speakers gave, drawn with replacement: words of one speaker are not independent (Bisani and Ney, "Bootstrap
Estimates for Confidence Intervals in ASR Performance Evaluation", ICASSP 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.training.people.calibration import calibration_error
from streamproc.training.people.clips import PersonClip
from streamproc.training.people.columns import Columns, odds_to_probability
from streamproc.training.people.verdicts import BAD, MISREAD, JudgedWord

SAMPLES = 400

AGES = {"6-11": (0, 11), "12-17": (12, 17), "adults": (18, 200)}

PeopleReport = dict[str, "float | int | list[float] | None"]
"""Figures by name; an interval lies beside its figure as ``name_interval``."""


def figures(words: Columns) -> dict[str, float | None]:
    """All figures of some words; None where there is nothing to count. Without marks every word counts as read well."""
    marked = ~np.isnan(words.median)
    right = words.full if marked.any() else np.ones(len(words.full), dtype=bool)
    bad = marked & (words.median <= BAD)
    misread = marked & (words.median <= MISREAD)
    return {
        "false_alarms": _share(words.flagged, right),
        "detection": _share(words.flagged, bad),
        "detection_of_misread": _share(words.flagged, misread),
        "auc": auc(words.wrongness[marked], misread[marked]),
        "word_pcc": _correlation(-odds_to_probability(words.wrongness[marked]), words.mean[marked]),
        "phone_error_rate": float(words.errors[right].sum() / words.phonemes[right].sum()) if right.any() else None,
        "calibration_error": calibration_error(words),
        "accuracy_error": _accuracy_error(words, misread) if marked.any() else None,
    }


def report(words: Columns, clips: int) -> PeopleReport:
    """The figures with their intervals."""
    found = figures(words)
    whole: PeopleReport = {"clips": clips, "words": len(words.full), "unscorable": clips - len(np.unique(words.clip))}
    rng = np.random.default_rng(1)
    speakers = np.unique(words.speaker)
    places = [np.flatnonzero(words.speaker == speaker) for speaker in speakers]
    sampled: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(SAMPLES if len(speakers) > 1 else 0):
        drawn = np.concatenate([places[index] for index in rng.integers(len(places), size=len(places))])
        for name, value in figures(words.take(drawn)).items():
            if value is not None:
                sampled[name].append(value)
    for name, value in found.items():
        whole[name] = None if value is None else round(value, 4)
        if value is not None and sampled[name]:
            whole[f"{name}_interval"] = [round(float(q), 4) for q in np.percentile(sampled[name], (2.5, 97.5))]
    return whole


def by_age(words: Columns, judged: Sequence[JudgedWord], clips: Sequence[PersonClip]) -> dict[str, PeopleReport]:
    """A report for each age group that is there."""
    groups: dict[str, PeopleReport] = {}
    for name, (low, high) in AGES.items():
        inside = {index for index, clip in enumerate(clips) if clip.age is not None and low <= clip.age <= high}
        if inside:
            groups[name] = report(words.take(_places(judged, inside)), len(inside))
    return groups


def by_condition(words: Columns, judged: Sequence[JudgedWord], clips: Sequence[PersonClip]) -> dict[str, PeopleReport]:
    """A report for each condition, where there is more than one."""
    conditions = dict.fromkeys(clip.condition for clip in clips)
    if len(conditions) < 2:
        return {}
    inside = {name: {i for i, clip in enumerate(clips) if clip.condition == name} for name in conditions}
    return {name: report(words.take(_places(judged, those)), len(those)) for name, those in inside.items()}


def human(words: Sequence[JudgedWord]) -> Mapping[str, list[float]]:
    """Each expert against the others, a word flagged with a mark of 6 or less: false alarms of words that all others
    found perfect, detection of those whose median of the others is 3 or less, and of 6 or less. Empty with fewer than
    three experts."""
    marks = np.array([word.marks for word in words if word.marks])
    if marks.ndim != 2 or marks.shape[1] < 3:
        return {}
    found: dict[str, list[float]] = {"false_alarms": [], "detection": [], "detection_of_misread": []}
    for expert in range(marks.shape[1]):
        others = np.delete(marks, expert, axis=1)
        flagged = marks[:, expert] <= MISREAD
        middle = np.median(others, axis=1)
        for name, of in (
            ("false_alarms", others.min(axis=1) >= 10),
            ("detection", middle <= BAD),
            ("detection_of_misread", middle <= MISREAD),
        ):
            found[name].append(round(_share(flagged, of) or 0.0, 4))
    return found


def auc(wrongness: NDArray[np.float64], misread: NDArray[np.bool_]) -> float | None:
    """The chance that a misread word is found more wrong than another (Mann and Whitney 1947); ties count half."""
    if not misread.any() or misread.all():
        return None
    _, group, sizes = np.unique(wrongness, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks = (ends - (sizes - 1) / 2)[group]
    yes = int(misread.sum())
    return float((ranks[misread].sum() - yes * (yes + 1) / 2) / (yes * (len(misread) - yes)))


def _share(flagged: NDArray[np.bool_], of: NDArray[np.bool_]) -> float | None:
    return float(flagged[of].mean()) if of.any() else None


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _accuracy_error(words: Columns, misread: NDArray[np.bool_]) -> float:
    """How far a speaker's share of words read well lies from the experts', on average over speakers."""
    count = np.bincount(words.speaker)
    there = count > 0
    ours = np.bincount(words.speaker, weights=words.flagged)[there] / count[there]
    theirs = np.bincount(words.speaker, weights=misread)[there] / count[there]
    return float(np.abs(ours - theirs).mean())


def _places(judged: Sequence[JudgedWord], clips: set[int]) -> NDArray[np.int64]:
    return np.array([place for place, word in enumerate(judged) if word.clip in clips], dtype=np.int64)
