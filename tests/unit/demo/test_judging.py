"""Judging a run: what counts as found, what as a false alarm, and what fails it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from streamproc.contracts.generated.events import SourcePosition, Verdict
from streamproc.demo import judging
from streamproc.demo.exchange import ActivityOutcome
from streamproc.demo.judging import Judgement
from streamproc.demo.readings import DemoPhrase, DemoReading, demo_readings
from streamproc.training.corpus import Kind, Misreading, SpokenReading
from streamproc.training.speech import Voice

from .outcomes import LATENCY_MS, Words, flawless, position, published, word

READINGS = demo_readings()
PUBLISHED = published(READINGS)
FLAWLESS = [flawless(reading) for reading in READINGS]


def reading_with(kind: Kind | None, index: int = 1) -> DemoReading:
    """ "the cat sat" with one mistake, or none, at a word."""
    expected = ("the", "cat", "sat")
    changes = (Misreading(kind, index),) if kind else ()
    phrase = DemoPhrase("The cat sat.", SpokenReading(expected, (), changes))
    return DemoReading(1, (phrase,), Voice(), READINGS[0].codec, 16_000, claim_check=False)


def judged(reading: DemoReading, *words: tuple[str | None, Verdict]) -> Judgement:
    heard: Callable[[Words], Words] = lambda _: tuple(word(*one) for one in words)  # noqa: E731
    return judging.judge(reading, flawless(reading, heard).result)


THE, CAT, SAT = (("the", Verdict.CORRECT), ("cat", Verdict.CORRECT), ("sat", Verdict.CORRECT))
EXTRA = (None, Verdict.INSERTED)


@pytest.mark.parametrize("kind", ["mispronounced", "omitted"])
@pytest.mark.parametrize("verdict", [Verdict.MISPRONOUNCED, Verdict.OMITTED])
def test_a_flagged_misread_word_is_found(kind: Kind, verdict: Verdict) -> None:
    judgement = judged(reading_with(kind), THE, ("cat", verdict), SAT)
    assert judgement == Judgement(found=1, well_read=2)


@pytest.mark.parametrize("verdict", [Verdict.CORRECT, Verdict.ACCEPTED, Verdict.UNKNOWN])
def test_a_misread_word_that_is_not_flagged_is_missed(verdict: Verdict) -> None:
    judgement = judged(reading_with("mispronounced"), THE, ("cat", verdict), SAT)
    assert (judgement.found, len(judgement.missed)) == (0, 1)
    assert judgement.false_alarms == ()


def test_extra_speech_at_its_place_is_found() -> None:
    assert judged(reading_with("inserted"), THE, EXTRA, CAT, SAT) == Judgement(found=1, well_read=3)


def test_extra_speech_at_another_place_is_missed() -> None:
    judgement = judged(reading_with("inserted"), THE, CAT, EXTRA, SAT)
    assert (judgement.found, len(judgement.missed), judgement.extra) == (0, 1, 1)


def test_extra_speech_does_not_shift_the_words_that_follow() -> None:
    judgement = judged(reading_with("omitted", 2), EXTRA, THE, CAT, ("sat", Verdict.OMITTED))
    assert (judgement.found, judgement.false_alarms, judgement.extra) == (1, (), 1)


@pytest.mark.parametrize("verdict", [Verdict.MISPRONOUNCED, Verdict.OMITTED])
def test_a_flagged_well_read_word_is_a_false_alarm(verdict: Verdict) -> None:
    judgement = judged(reading_with(None), THE, ("cat", verdict), SAT)
    assert (len(judgement.false_alarms), judgement.well_read) == (1, 3)


def test_a_word_without_a_verdict_is_neither_well_read_nor_flagged() -> None:
    assert judged(reading_with(None), THE, ("cat", Verdict.UNKNOWN), SAT) == Judgement(well_read=2)


def test_without_a_result_every_mistake_is_missed() -> None:
    judgement = judging.judge(reading_with("omitted"), None)
    assert (judgement.found, len(judgement.missed), judgement.well_read, judgement.as_damaged) == (0, 1, 0, False)


def rows(outcomes: list[ActivityOutcome]) -> list[judging.Row]:
    return judging.match(READINGS, PUBLISHED, outcomes)


def test_a_flawless_run_passes() -> None:
    run = rows(FLAWLESS)
    assert judging.problems(run) == []
    total = judging.figures(run)
    assert dataclasses.asdict(total) == {
        "activities": 30,
        "results": 29,
        "dead_letters": 1,
        "missing": 0,
        "duplicated": 0,
        "published_twice": 0,
        "refused_twice": 0,
        "seconds": (29 + LATENCY_MS) / 1000,
        "p50_ms": LATENCY_MS,
        "p95_ms": LATENCY_MS,
        "seeded_errors": 21,
        "seeded_errors_found": 21,
        "false_alarms": 0,
    }


def test_the_order_of_outcomes_does_not_matter() -> None:
    assert rows(FLAWLESS[::-1]) == rows(FLAWLESS)


def test_outcomes_of_other_activities_are_left_out() -> None:
    other = dataclasses.replace(FLAWLESS[0], source=position(999))
    assert rows([*FLAWLESS, other]) == rows(FLAWLESS)


def test_a_missing_outcome_fails() -> None:
    run = rows(FLAWLESS[1:])
    assert judging.figures(run).missing == 1
    assert judging.problems(run) == ["1 of 30 activities have no outcome"]


def test_a_second_outcome_fails_be_it_a_result_or_a_dead_letter() -> None:
    dead_letter = ActivityOutcome(position(1), 0, None, "UNEXPECTED")
    run = rows([*FLAWLESS, FLAWLESS[1], dead_letter])
    assert judging.figures(run).duplicated == 2
    assert judging.problems(run) == ["2 outcomes are duplicates"]


def test_a_dead_letter_for_a_sound_reading_fails() -> None:
    run = rows([ActivityOutcome(position(1), 0, None, "UNEXPECTED"), *FLAWLESS[1:]])
    assert judging.problems(run) == ["reading 1: exactly the phrases with damaged clips must fail"]


def test_a_result_for_a_damaged_reading_fails() -> None:
    damaged = next(reading for reading in READINGS if not reading.scorable)
    sound = dataclasses.replace(
        damaged, phrases=tuple(dataclasses.replace(phrase, damaged=False) for phrase in damaged.phrases)
    )
    run = rows([flawless(sound) if reading is damaged else flawless(reading) for reading in READINGS])
    assert judging.problems(run) == [f"reading {damaged.number}: exactly the phrases with damaged clips must fail"]


def deaf_to(readings: int) -> list[judging.Row]:
    """A run that judges every word of the first phrase of so many misread readings as read well."""
    misread = [reading.number for reading in READINGS if reading.phrases[0].changes][:readings]
    well: Callable[[Words], Words] = lambda words: tuple(  # noqa: E731
        dataclasses.replace(one, verdict=Verdict.CORRECT) for one in words if one.text is not None
    )
    return rows([flawless(r, well) if r.number in misread else flawless(r) for r in READINGS])


def test_four_fifths_of_the_mistakes_must_be_found() -> None:
    found = [(judging.figures(run).seeded_errors_found, judging.problems(run)) for run in map(deaf_to, range(9))]
    assert [(number >= 0.8 * 21) == (not problems) for number, problems in found] == [True] * 9
    assert min(found)[1] == [f"{min(found)[0]} of 21 seeded mistakes were found; 80% are needed"]
    assert {bool(problems) for _, problems in found} == {True, False}


def test_one_in_fifty_well_read_words_may_be_flagged() -> None:
    well_read = sum(row.judgement.well_read for row in rows(FLAWLESS))
    allowed = int(0.02 * well_read)

    def flag_first(words: Words) -> Words:
        return (dataclasses.replace(words[0], verdict=Verdict.OMITTED), *words[1:])

    fluent = [reading.number for reading in READINGS if not reading.seeded and reading.scorable]

    def with_alarms(number: int) -> list[judging.Row]:
        flagged = fluent[:number]
        return rows([flawless(r, flag_first) if r.number in flagged else flawless(r) for r in READINGS])

    assert judging.problems(with_alarms(allowed)) == []
    assert judging.problems(with_alarms(allowed + 1)) == [
        f"{allowed + 1} of {well_read} well-read words were flagged; 2% are allowed"
    ]


def test_latency_is_that_of_results_alone() -> None:
    pair = READINGS[-2:]
    assert [reading.scorable for reading in pair] == [False, True]
    dead_letter, result = FLAWLESS[-2:]
    slow = dataclasses.replace(dead_letter, timestamp=dead_letter.timestamp + 10_000)
    assert judging.figures(judging.match(pair, published(pair), [slow, result])).p95_ms == LATENCY_MS


def test_a_run_without_any_outcome_has_no_latency() -> None:
    total = judging.figures(rows([]))
    assert (total.missing, total.p50_ms, total.p95_ms, total.seconds) == (30, None, None, 0.0)


AGAIN = {position(reading.number): position(1000 + reading.number) for reading in READINGS if reading.comes_twice}


def repeated(first: SourcePosition, code: str = "DUPLICATE_ACTIVITY", named: str | None = None) -> ActivityOutcome:
    return ActivityOutcome(
        AGAIN[first], 1_000_200, None, code, named or f"{first.topic}/{first.partition}/{first.offset}"
    )


def judged_again(*letters: ActivityOutcome) -> tuple[judging.DemoFigures, list[str]]:
    rows = judging.match(READINGS, PUBLISHED, [*FLAWLESS, *letters], AGAIN)
    return judging.figures(rows), judging.problems(rows)


def test_a_tenth_comes_twice_and_each_second_one_is_a_letter_that_names_the_first() -> None:
    figures, problems = judged_again(*map(repeated, AGAIN))
    assert (len(READINGS), figures.activities, figures.published_twice, figures.refused_twice) == (30, 30, 3, 3)
    assert (figures.missing, figures.duplicated) == (0, 0), "they are beside the others"
    assert problems == []


@pytest.mark.parametrize("wrong", ["none", "two", "another code", "another first", "a result"])
def test_a_second_one_with_any_other_outcome_fails_the_run(wrong: str) -> None:
    first, *others = AGAIN
    outcomes = {
        "none": [],
        "two": [repeated(first), repeated(first)],
        "another code": [repeated(first, code="AUDIO_EMPTY")],
        "another first": [repeated(first, named="activities/0/1")],
        "a result": [dataclasses.replace(FLAWLESS[9], source=AGAIN[first])],
    }[wrong]
    figures, problems = judged_again(*outcomes, *map(repeated, others))
    assert figures.refused_twice == 2
    assert problems == ["reading 10: its second activity must have one outcome, a letter that names the first"]
