"""What the outcomes say about the seeded mistakes, and whether the demonstration has passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamproc.contracts.corrections import result_id
from streamproc.contracts.generated.events import (
    PhraseResult,
    PhraseStatus,
    Result,
    SourcePosition,
    Verdict,
    WordResult,
)
from streamproc.demo.exchange import ActivityOutcome
from streamproc.demo.readings import DemoPhrase, DemoReading
from streamproc.errors import ErrorCode
from streamproc.scoring.fluency import FLAGGED
from streamproc.training.corpus import Kind

FOUND_AT_LEAST = 0.80
"""Share of the seeded mistakes that must be found."""

FALSE_ALARMS_AT_MOST = 0.02
"""Share of the well-read words that may be flagged."""

_SEEDED: Mapping[Kind, str] = {
    "mispronounced": "was mispronounced",
    "omitted": "was left out",
    "inserted": "had a word put in before it",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a result compares with what is known about its reading.

    ``missed`` and ``false_alarms`` name the words, with what was seeded or the verdict; ``well_read`` counts the
    judged words without a seeded mistake; ``extra`` counts extra speech that was heard where none was seeded.
    ``as_damaged``: exactly the phrases with damaged clips failed.
    """

    found: int = 0
    missed: tuple[str, ...] = ()
    false_alarms: tuple[str, ...] = ()
    well_read: int = 0
    extra: int = 0
    as_damaged: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One reading with its outcomes, the first one first; ``judgement`` is about the first.

    ``published_at``: the activity's Kafka timestamp (milliseconds since 1970). ``again``: if it was published a second
    time, whether that had one outcome, a dead letter that names the first one; else None.
    """

    reading: DemoReading
    published_at: int
    outcomes: tuple[ActivityOutcome, ...]
    judgement: Judgement
    again: bool | None = None

    @property
    def latency_ms(self) -> int | None:
        """From the activity's to the first outcome's Kafka timestamp, in milliseconds."""
        return self.outcomes[0].timestamp - self.published_at if self.outcomes else None


@dataclass(frozen=True, slots=True)
class DemoFigures:
    """The figures of one run.

    ``seconds``: from the first activity's to the last outcome's Kafka timestamp. ``p50_ms``, ``p95_ms``: percentiles
    of the results' latency; None without any result. ``duplicated``: outcomes beyond the first of an activity.
    ``published_twice``: activities that came a second time, beside the others; ``refused_twice``: those whose second
    one had one outcome, a dead letter that names the first. ``false_alarms``: well-read words that were flagged.
    """

    activities: int
    results: int
    dead_letters: int
    missing: int
    duplicated: int
    published_twice: int
    refused_twice: int
    seconds: float
    p50_ms: float | None
    p95_ms: float | None
    seeded_errors: int
    seeded_errors_found: int
    false_alarms: int


def judge(reading: DemoReading, result: Result | None) -> Judgement:
    """Compare a result (None: there is none) with its reading.

    A mispronounced or omitted word is found when it is flagged, an added one when extra speech is heard at its place.
    What cannot be found because its phrase was not scored counts as missed.
    """
    phrases = {phrase.index: phrase for phrase in result.phrases} if result else {}
    parts = [_judge_phrase(phrase, phrases.get(index)) for index, phrase in enumerate(reading.phrases)]
    return Judgement(
        found=sum(part.found for part in parts),
        missed=tuple(name for part in parts for name in part.missed),
        false_alarms=tuple(name for part in parts for name in part.false_alarms),
        well_read=sum(part.well_read for part in parts),
        extra=sum(part.extra for part in parts),
        as_damaged=all(part.as_damaged for part in parts),
    )


def _judge_phrase(phrase: DemoPhrase, result: PhraseResult | None) -> Judgement:
    words = result.words if result else ()
    verdicts = [word.verdict for word in words if word.verdict is not Verdict.INSERTED]
    heard_before = _extra_speech(words)
    expected = phrase.reading.expected
    missed: list[str] = []
    misread: set[int] = set()
    added_before: set[int] = set()
    for change in phrase.changes:
        if change.kind == "inserted":
            added_before.add(change.index)
            found = change.index in heard_before
        else:
            misread.add(change.index)
            found = change.index < len(verdicts) and verdicts[change.index] in FLAGGED
        if not found:
            missed.append(f"{expected[change.index]!r} {_SEEDED[change.kind]}")
    judged = {index: verdict for index, verdict in enumerate(verdicts) if verdict is not Verdict.UNKNOWN}
    well_read = {index: verdict for index, verdict in judged.items() if index not in misread}
    return Judgement(
        found=len(phrase.changes) - len(missed),
        missed=tuple(missed),
        false_alarms=tuple(
            f"{expected[index]!r} was read well" for index, verdict in well_read.items() if verdict in FLAGGED
        ),
        well_read=len(well_read),
        extra=len(heard_before - added_before),
        as_damaged=phrase.damaged == (result is None or result.status is PhraseStatus.FAILED),
    )


def _extra_speech(words: Sequence[WordResult]) -> set[int]:
    """The indices of the expected words before which extra speech was heard."""
    places: set[int] = set()
    index = 0
    for word in words:
        if word.verdict is Verdict.INSERTED:
            places.add(index)
        else:
            index += 1
    return places


def match(
    readings: Sequence[DemoReading],
    activities: Mapping[SourcePosition, int],
    outcomes: Sequence[ActivityOutcome],
    again: Mapping[SourcePosition, SourcePosition] | None = None,
) -> list[Row]:
    """Give every reading its outcomes, by the activity's position; outcomes of other activities are left out.

    Args:
        readings: what was read.
        activities: position and timestamp of each reading's activity, in the readings' order.
        outcomes: in the order in which they were read.
        again: position of an activity and that of its repetition, of those that were published twice.
    """
    again = again or {}
    by_source: dict[SourcePosition, list[ActivityOutcome]] = {
        position: [] for position in (*activities, *again.values())
    }
    for outcome in outcomes:
        if outcome.source in by_source:
            by_source[outcome.source].append(outcome)
    return [
        _row(
            reading,
            timestamp,
            by_source[position],
            _refused(position, by_source[again[position]]) if position in again else None,
        )
        for reading, (position, timestamp) in zip(readings, activities.items(), strict=True)
    ]


def _row(reading: DemoReading, published_at: int, outcomes: Sequence[ActivityOutcome], again: bool | None) -> Row:
    judgement = judge(reading, outcomes[0].result if outcomes else None)
    return Row(reading, published_at, tuple(outcomes), judgement, again)


def _refused(first: SourcePosition, outcomes: Sequence[ActivityOutcome]) -> bool:
    """Whether a repetition of the activity at ``first`` had the outcomes that it should have."""
    told = [(outcome.error_code, outcome.first) for outcome in outcomes]
    return told == [(ErrorCode.DUPLICATE_ACTIVITY.name, result_id(first))]


def figures(rows: Sequence[Row]) -> DemoFigures:
    """Add up a run."""
    firsts = [row.outcomes[0] for row in rows if row.outcomes]
    latencies = [
        row.outcomes[0].timestamp - row.published_at
        for row in rows
        if row.outcomes and row.outcomes[0].result is not None
    ]
    began = min((row.published_at for row in rows), default=0)
    ended = max((outcome.timestamp for outcome in firsts), default=began)
    results = sum(outcome.result is not None for outcome in firsts)
    return DemoFigures(
        activities=len(rows),
        results=results,
        dead_letters=len(firsts) - results,
        missing=len(rows) - len(firsts),
        duplicated=sum(max(len(row.outcomes) - 1, 0) for row in rows),
        published_twice=sum(row.again is not None for row in rows),
        refused_twice=sum(row.again is True for row in rows),
        seconds=round((ended - began) / 1000, 3),
        p50_ms=_percentile(latencies, 50),
        p95_ms=_percentile(latencies, 95),
        seeded_errors=sum(row.reading.seeded for row in rows),
        seeded_errors_found=sum(row.judgement.found for row in rows),
        false_alarms=sum(len(row.judgement.false_alarms) for row in rows),
    )


def _percentile(values: Sequence[int], percent: int) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None


def problems(rows: Sequence[Row]) -> list[str]:
    """Why the run has not passed, a line each; empty when it has."""
    total = figures(rows)
    found: list[str] = []
    if total.missing:
        found.append(f"{total.missing} of {total.activities} activities have no outcome")
    if total.duplicated:
        found.append(f"{total.duplicated} outcomes are duplicates")
    found += [
        f"reading {row.reading.number}: its second activity must have one outcome, a letter that names the first"
        for row in rows
        if row.again is False
    ]
    found += [
        f"reading {row.reading.number}: exactly the phrases with damaged clips must fail"
        for row in rows
        if row.outcomes and not row.judgement.as_damaged
    ]
    if total.seeded_errors_found < FOUND_AT_LEAST * total.seeded_errors:
        found.append(
            f"{total.seeded_errors_found} of {total.seeded_errors} seeded mistakes were found; "
            f"{FOUND_AT_LEAST:.0%} are needed"
        )
    well_read = sum(row.judgement.well_read for row in rows)
    if total.false_alarms > FALSE_ALARMS_AT_MOST * well_read:
        found.append(
            f"{total.false_alarms} of {well_read} well-read words were flagged; {FALSE_ALARMS_AT_MOST:.0%} are allowed"
        )
    return found
