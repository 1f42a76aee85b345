"""What a learner's readings come to."""

from __future__ import annotations

import pytest

from streamproc.agents.progress.state import LearnerState
from streamproc.agents.progress.summary import MOST_PRACTISED, summary
from streamproc.contracts.generated.events import Result, Verdict
from streamproc.contracts.generated.events_progress import Progress

from .results import overruled, read


def told(*results: Result) -> Progress:
    state = LearnerState()
    for result in results:
        state.add(result, 10)
    return summary("school-1", "learner-1", state)


def test_words_and_minutes_are_summed_so_that_a_long_reading_counts_for_more() -> None:
    progress = told(read("a", "a:C", audio_ms=30_000), read("b", "a:M b:M c:C", day=1, audio_ms=60_000))
    assert progress.accuracy == 0.5
    assert progress.words_correct_per_minute == pytest.approx(2 / 1.5)
    assert (progress.learner_id, progress.tenant_id, progress.revision) == ("learner-1", "school-1", 2)


def test_a_trend_takes_three_readings_and_is_a_line_s_slope() -> None:
    readings = [read(f"r{day}", " ".join(["w:C"] * day + ["w:M"] * (10 - day)), day=day) for day in (2, 4, 6)]
    assert told(*readings[:2]).accuracy_trend is None
    assert told(*readings).accuracy_trend == pytest.approx(0.2)
    assert told(*readings).words_correct_per_minute_trend == pytest.approx(2.0)


def test_readings_of_which_nothing_was_judged_have_no_figures_and_bend_no_trend() -> None:
    empty = read("u", "a:U", day=5, audio_ms=0)
    assert (told(empty).accuracy, told(empty).words_correct_per_minute) == (None, None)
    steps = [read(f"r{day}", *["w:C"] * day, "w:M", day=day) for day in (1, 3)]
    assert told(*steps, empty).accuracy_trend is None


def test_a_word_is_to_be_practised_until_it_is_read_well() -> None:
    missed = read("a", "The:M cat:C sat,:O")
    assert [(word.text, word.readings_missed) for word in told(missed).words_to_practise] == [("sat", 1), ("the", 1)]
    better = read("b", "the:C mat:M", day=1)
    assert [word.text for word in told(missed, better).words_to_practise] == ["mat", "sat"]


def test_one_slip_is_enough_in_the_last_reading_that_has_the_word() -> None:
    assert [word.text for word in told(read("a", "the:C the:M the:C")).words_to_practise] == ["the"]


def test_the_most_often_missed_come_first_then_the_last_ones() -> None:
    progress = told(read("a", "b:M c:M"), read("b", "c:M d:M", day=1))
    assert [(word.text, word.readings_missed) for word in progress.words_to_practise] == [("c", 2), ("d", 1), ("b", 1)]
    assert progress.words_to_practise[2].last_missed_at == progress.readings[0].read_at


def test_twenty_words_are_enough() -> None:
    progress = told(read("a", *(f"w{number}:M" for number in range(30))))
    assert len(progress.words_to_practise) == MOST_PRACTISED


def test_what_a_teacher_overrules_is_practised_no_more() -> None:
    result = read("a", "the:M")
    state = LearnerState()
    state.add(result, 10)
    state.correct(overruled(result, (0, 0), Verdict.CORRECT))
    assert summary("school-1", "learner-1", state).words_to_practise == ()


def test_a_streak_ends_with_the_last_day() -> None:
    progress = told(*(read(f"r{day}", "a:C", day=day) for day in (0, 2, 3, 3.2)))
    assert (progress.streak_days, progress.streak_last_day) == (2, "2026-03-05")
