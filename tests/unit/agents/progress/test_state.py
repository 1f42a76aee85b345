"""How results and corrections change what is known of a learner: the stated rules, one by one."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta

import pytest

from streamproc.agents.progress.readings import MOST_WORDS, NoSuchWord
from streamproc.agents.progress.state import VERSION, LearnerState, NotKept, from_bytes, heard_at, to_bytes
from streamproc.agents.progress.summary import summary
from streamproc.contracts.generated.events import Result, Verdict

from .results import BEGIN, overruled, read


def after(*results: Result, most: int = 3) -> LearnerState:
    state = LearnerState()
    for result in results:
        state.add(result, most)
    return state


def kept(state: LearnerState) -> list[str]:
    return [reading.activity_id for reading in state.readings]


def test_a_reading_s_figures_are_its_result_s() -> None:
    result = read("a", "the:C cat:A sat:M", "on:O a:U -:I", audio_ms=30_000)
    [figures] = summary("school-1", "learner-1", after(result)).readings
    assert (figures.words_judged, figures.words_correct) == (4, 2)
    assert figures.accuracy == result.accuracy == 0.5
    assert figures.words_correct_per_minute == result.words_correct_per_minute == 4.0
    assert figures.read_at == result.started_at
    assert figures.result_id == "reading.activity.v1/0/0"


def test_the_last_readings_are_kept_by_when_they_began_not_by_when_they_came() -> None:
    days = {"b": 1, "d": 3, "c": 2, "a": 0, "e": 4}
    state = after(*(read(name, "a:C", day=day) for name, day in days.items()))
    assert kept(state) == ["c", "d", "e"]
    assert state.revision == 5


def test_one_that_began_before_all_that_are_kept_counts_for_the_streak_alone() -> None:
    state = after(*(read(name, "a:C", day=day) for name, day in {"b": 1, "c": 2, "d": 3}.items()))
    assert state.days.streak == 3
    state.add(read("a", "a:M"), 3)
    assert kept(state) == ["b", "c", "d"]
    assert state.days.streak == 4


def test_a_second_result_of_an_activity_takes_the_first_one_s_place() -> None:
    first, second = read("a", "the:M cat:C", offset=4), read("a", "the:C cat:C", offset=9)
    state = after(first, read("b", "a:C", day=1))
    state.correct(overruled(first, (0, 1), Verdict.OMITTED))
    state.add(second, 3)
    assert kept(state) == ["a", "b"]
    assert state.readings[0].result_id == "reading.activity.v1/0/9"
    assert (state.readings[0].correct, state.readings[0].corrected) == (2, [])


def test_a_tablet_whose_clock_is_ahead_has_not_the_last_word() -> None:
    ahead = read("ahead", "a:C", day=9_000, scored=BEGIN + timedelta(hours=1))
    state = after(ahead, read("b", "a:C", day=1))
    assert kept(state) == ["ahead", "b"]
    assert state.days.last_day == "2026-03-03"


def test_a_teacher_overrules_a_verdict_and_the_figures_follow() -> None:
    result = read("a", "the:C cat:M sat:U", "on:O")
    state = after(result)
    for place, verdict in (((0, 1), Verdict.CORRECT), ((0, 2), Verdict.MISPRONOUNCED), ((1, 0), Verdict.ACCEPTED)):
        assert state.correct(overruled(result, place, verdict))
    [reading] = state.readings
    assert (reading.judged, reading.correct) == (4, 3)
    [figures] = summary("school-1", "learner-1", state).readings
    assert (figures.corrected_words, state.revision) == (3, 4)


def test_of_several_corrections_of_a_word_the_last_counts_and_one_that_says_the_same_changes_nothing() -> None:
    result = read("a", "the:C cat:M")
    state = after(result)
    assert state.correct(overruled(result, (0, 1), Verdict.CORRECT))
    assert not state.correct(overruled(result, (0, 1), Verdict.CORRECT))
    assert state.correct(overruled(result, (0, 1), Verdict.OMITTED))
    [reading] = state.readings
    assert (reading.judged, reading.correct, reading.corrected, state.revision) == (2, 1, [(0, 1)], 3)


def test_a_correction_of_a_reading_that_is_not_kept_or_of_another_result_changes_nothing() -> None:
    first, second = read("a", "the:M", offset=4), read("a", "the:M", offset=9)
    state = after(second)
    for unknown in (first, read("b", "the:M", offset=5)):
        with pytest.raises(NotKept):
            state.correct(overruled(unknown, (0, 0), Verdict.CORRECT))
    assert state.revision == 1


@pytest.mark.parametrize("place", [(0, 2), (2, 0), (1, 0)])
def test_a_correction_of_a_word_that_is_not_there_is_told_apart(place: tuple[int, int]) -> None:
    """The last one has another word there: the index is wrong."""
    longer = read("a", "the:C cat:M sat:C", "in:C", "on:C")
    state = after(read("a", "the:C cat:M", "on:C"))
    with pytest.raises(NoSuchWord):
        state.correct(overruled(longer, place, Verdict.MISPRONOUNCED))


def test_it_comes_back_from_the_table_as_it_was() -> None:
    result = read("a", "the:C cat:M", "“Oh!”:C -:I")
    state = after(result, read("b", "a:O", day=1))
    state.correct(overruled(result, (0, 1), Verdict.CORRECT))
    assert from_bytes(to_bytes(state)) == state
    assert from_bytes(None) == LearnerState()


def test_ten_readings_of_a_hundred_words_take_a_few_kilobytes_and_the_longest_ones_fit_a_record() -> None:
    words = " ".join(f"word{number % 60}:C" for number in range(100))
    usual = after(*(read(f"activity-{day}", words, day=day) for day in range(10)), most=10)
    assert len(to_bytes(usual)) < 4_000
    endless = " ".join(f"w{number}:C" for number in range(MOST_WORDS + 100))
    longest = after(*(read(f"activity-{day}", endless, day=day) for day in range(20)), most=20)
    assert len(longest.readings[0].phrases[0].words) == MOST_WORDS
    assert longest.readings[0].judged == MOST_WORDS + 100
    assert len(to_bytes(longest)) < 600_000


def test_what_a_newer_worker_has_written_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match=f"version {VERSION + 1}, and this worker reads {VERSION}: upgrade"):
        from_bytes(zlib.compress(json.dumps([VERSION + 1, "?"]).encode()))


def test_when_the_newest_result_was_made_is_read_without_the_rest() -> None:
    late = read("late", "a:C", day=-2, scored=BEGIN + timedelta(days=4))
    written = to_bytes(after(read("a", "a:C", scored=BEGIN + timedelta(days=9)), late))
    assert heard_at(written[:60]) == (BEGIN + timedelta(days=9)).timestamp()


def test_a_state_of_before_that_was_kept_is_read_by_its_last_change() -> None:
    state = after(read("a", "the:C", scored=BEGIN))
    now = json.loads(zlib.decompress(to_bytes(state)))
    before = zlib.compress(json.dumps([1, *now[2:]], separators=(",", ":")).encode())
    assert from_bytes(before) == state
    assert heard_at(before) == BEGIN.timestamp()
