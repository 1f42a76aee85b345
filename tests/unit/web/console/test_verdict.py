"""The sentence on top of the operator's page says whether readings are being scored, and where to look if not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from streamproc.errors import ErrorClass, ErrorCode
from streamproc.telemetry.objectives import objectives
from streamproc.web.console.verdict import LATE_S, Facts, Mood, duration, judge, worker_state

SCORING = Facts(
    joined=True, unfinished=5, oldest_s=0.4, results=700, letters=20, window_s=60.0, silent_s=0.1, endpoints=2, usable=2
)


def facts(**changed: Any) -> Facts:
    return dataclasses.replace(SCORING, **changed)


def hints(of: Facts) -> str:
    return "\n".join(hint.text for hint in judge(of).hints)


def test_readings_are_scored() -> None:
    verdict = judge(SCORING)
    assert verdict.mood is Mood.GOOD
    assert verdict.headline == "Readings are being scored: 12/s; the oldest waits 0.4 s."
    assert verdict.hints == ()


def test_nothing_waits() -> None:
    verdict = judge(facts(unfinished=0, oldest_s=None, results=0, letters=0, silent_s=4000.0))
    assert (verdict.mood, verdict.headline) == (Mood.GOOD, "Every reading has its outcome; none waits.")


def test_a_reading_that_has_just_come_in_is_no_alarm() -> None:
    verdict = judge(facts(unfinished=1, oldest_s=2.0, results=0, letters=0, silent_s=None))
    assert verdict.mood is Mood.GOOD
    assert "just come in: 1 reading" in verdict.headline


def test_nobody_scores() -> None:
    verdict = judge(facts(unfinished=4_000, oldest_s=300.0, results=0, letters=0, silent_s=310.0))
    assert verdict.mood is Mood.BAD
    assert verdict.headline == (
        "Readings are NOT being scored: 4,000 readings wait, the oldest for 5 min; the last outcome was 5 min ago."
    )
    assert verdict.hints[0].where == "#workers"


def test_a_long_reading_on_a_quiet_day_is_no_alarm_yet() -> None:
    verdict = judge(facts(unfinished=1, oldest_s=30.0, results=0, letters=0, silent_s=4_000.0))
    assert verdict.mood is Mood.WARN
    assert verdict.headline.startswith("No reading has its outcome yet: 1 reading waits, the oldest for 30 s")


def test_with_no_endpoint_left_there_is_no_waiting_for_an_alarm() -> None:
    verdict = judge(facts(unfinished=1, oldest_s=30.0, results=0, letters=0, silent_s=30.0, usable=0))
    assert verdict.mood is Mood.BAD
    assert verdict.hints[0].where == "#endpoints"


def test_readings_that_are_late() -> None:
    verdict = judge(facts(unfinished=4_000, exact=False, oldest_s=LATE_S + 1))
    assert verdict.mood is Mood.WARN
    assert "late" in verdict.headline
    assert "up to 4,000 readings" in verdict.headline
    assert verdict.hints[0].where == "#endpoints"


def test_late_is_what_the_objective_says() -> None:
    (outcome,) = (one for one in objectives() if one.name == "outcome")
    assert outcome.within == LATE_S


def test_kafka_that_does_not_answer_is_no_good_news() -> None:
    verdict = judge(facts(unfinished=None, kafka_problem="KAFKA_UNAVAILABLE: no broker"))
    assert verdict.mood is Mood.UNKNOWN
    assert "Kafka does not tell" in verdict.headline
    assert "no broker" in verdict.hints[0].text


def test_what_was_known_before_kafka_fell_silent_is_no_good_news_either() -> None:
    verdict = judge(facts(unfinished=0, oldest_s=None, results=0, letters=0, silent_s=None, kafka_problem="no broker"))
    assert verdict.mood is Mood.UNKNOWN
    assert "Kafka does not tell" in verdict.headline
    assert verdict.hints[0].text == "Kafka does not tell: no broker"


def test_a_worker_that_starts() -> None:
    assert "starting" in judge(Facts(joined=False)).headline
    assert judge(Facts(joined=True)).headline == "Looking …"


@pytest.mark.parametrize("code", [code for code in ErrorCode if code.error_class is ErrorClass.TRANSIENT])
def test_each_reason_for_a_pause_is_named(code: ErrorCode) -> None:
    paused = facts(paused=[code.name], oldest_s=100.0, results=0, letters=0, silent_s=90.0)
    assert judge(paused).mood is Mood.BAD
    assert code.name in hints(paused)


def test_a_pause_of_this_worker_alone_is_a_warning_while_others_score() -> None:
    paused = facts(paused=["INFERENCE_UNAVAILABLE"], usable=0)
    verdict = judge(paused)
    assert verdict.mood is Mood.WARN
    assert {hint.where for hint in verdict.hints} == {"#endpoints"}


def test_a_worker_that_hangs() -> None:
    assert "got nowhere for 3 min" in hints(facts(stalled_s=200.0))


def test_endpoints_that_are_out_and_the_fallback() -> None:
    assert "1 of 2 inference endpoints are out of use." in hints(facts(usable=1))
    assert "scores on its CPU" in hints(facts(usable=0, fallback=True))
    assert hints(facts(usable=0, endpoint_reason="no answer")) == "No inference endpoint can be used: no answer."


@pytest.mark.parametrize(
    ("changed", "mood", "word"),
    [
        ({}, Mood.GOOD, "scoring"),
        ({"usable": 1}, Mood.GOOD, "scoring"),
        ({"usable": 0}, Mood.BAD, "no inference endpoint"),
        ({"usable": 0, "fallback": True}, Mood.WARN, "scoring on its CPU"),
        ({"endpoints": 0, "usable": 0}, Mood.GOOD, "scoring"),
        ({"joined": False}, Mood.WARN, "joining its group"),
        ({"paused": ["quarantine"], "usable": 0}, Mood.BAD, "paused: quarantine"),
        ({"stalled_s": 200.0}, Mood.BAD, "stalled for 3 min"),
    ],
)
def test_the_worker_says_scoring_only_if_it_can(changed: dict[str, Any], mood: Mood, word: str) -> None:
    assert worker_state(facts(**changed)) == (mood, word)


def test_partitions_that_nobody_reads() -> None:
    assert judge(facts(forsaken=1)).mood is Mood.WARN
    assert "1 partition has readings that wait and no worker" in hints(facts(forsaken=1))
    assert "3 partitions have" in hints(facts(forsaken=3))


def test_many_letters_are_worth_a_word_and_few_are_not() -> None:
    many = facts(results=60, letters=40, common_code="AUDIO_NOT_FOUND")
    assert judge(many).mood is Mood.WARN
    assert "40% of the last minute's readings became dead letters, most of them AUDIO_NOT_FOUND." in hints(many)
    assert judge(many).hints[0].where == "letters"
    assert not hints(facts(results=1, letters=4)), "a handful on a quiet day"


@pytest.mark.parametrize("waiting", [{}, {"unfinished": 0, "oldest_s": None}])
def test_readings_that_die_are_not_scored_however_fast(waiting: dict[str, Any]) -> None:
    dying = facts(results=0, letters=40, common_code="AUDIO_NOT_FOUND", **waiting)
    assert judge(dying).mood is Mood.BAD
    assert judge(dying).headline == "Readings are NOT being scored: they become dead letters."
    assert "100% of the last minute's readings became dead letters, most of them AUDIO_NOT_FOUND." in hints(dying)
    most = judge(facts(results=10, letters=40, **waiting))
    assert (most.mood, most.headline) == (Mood.BAD, "Most readings are NOT being scored: they become dead letters.")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.3, "12 s"), (300, "5 min"), (8000, "2 h"), (4e5, "5 days")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
