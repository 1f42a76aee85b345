"""Results as the page shows them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from streamproc.contracts.generated.events import Operation, PhraseStatus, Result, Verdict, WordResult
from streamproc.contracts.upkeep import examples
from streamproc.web.console.results import aligned, detail_of, summary_of
from streamproc.web.console.shown import shown, shown_all

RESULT = examples.RESULT
CONTROL = "ab\u202ecd\x00\x1b[31m"
HEBREW = "הילדה קראה סיפור"
PERSIAN = "می\u200cخواهم"


def with_words(*words: WordResult) -> Result:
    phrase = dataclasses.replace(RESULT.phrases[0], words=words)
    return dataclasses.replace(RESULT, phrases=(phrase,))


WORD = RESULT.phrases[0].words[0]


def test_a_row_of_the_list_tells_how_it_went() -> None:
    row = summary_of(RESULT)
    assert row["activity_id"] == RESULT.activity_id
    assert row["status"] == "PARTIAL"
    assert row["wrong"] == RESULT.counts.mispronounced + RESULT.counts.omitted + RESULT.counts.inserted


def test_who_has_read_is_not_shown() -> None:
    assert RESULT.learner_id not in json.dumps(detail_of(RESULT))


def test_every_word_has_its_verdict_and_its_time() -> None:
    words = detail_of(RESULT)["phrases"][0]["words"]
    assert [word["verdict"] for word in words] == [word.verdict.value for word in RESULT.phrases[0].words]
    assert words[0]["start_ms"] == WORD.start_ms


def test_a_phrase_that_failed_says_why() -> None:
    failed = [phrase for phrase in RESULT.phrases if phrase.status is PhraseStatus.FAILED]
    assert failed
    assert detail_of(RESULT)["phrases"][failed[0].index]["error"].startswith(str(failed[0].error_code))


def test_phonemes_stand_in_two_aligned_rows() -> None:
    steps = [Operation.MATCH, Operation.SUBSTITUTE, Operation.INSERT, Operation.DELETE, Operation.MATCH]
    assert list(aligned(["K", "AE", "T", "S"], ["K", "EH", "HH", "S"], steps)) == [
        ("K", "K", "MATCH"),
        ("AE", "EH", "SUBSTITUTE"),
        ("", "HH", "INSERT"),
        ("T", "", "DELETE"),
        ("S", "S", "MATCH"),
    ]


def test_operations_that_do_not_fit_lose_nothing() -> None:
    columns = list(aligned(["K", "AE"], ["K", "EH", "T"], [Operation.MATCH]))
    assert [column[0] for column in columns] == ["K", "AE", ""]
    assert [column[1] for column in columns] == ["K", "EH", "T"]
    assert list(aligned([], [], [Operation.MATCH])) == [("", "", "MATCH")]


def test_three_hundred_words_are_all_there_and_the_list_has_the_first_of_them() -> None:
    long = with_words(*[WORD] * 300)
    text = " ".join(["word"] * 300)
    long = dataclasses.replace(long, phrases=(dataclasses.replace(long.phrases[0], expected_text=text),))
    assert len(detail_of(long)["phrases"][0]["words"]) == 300
    assert len(summary_of(long)["text"]) == 201


def test_verdicts_of_a_newer_writer_are_shown_as_not_judged() -> None:
    newer = with_words(dataclasses.replace(WORD, verdict=Verdict.UNKNOWN))
    assert detail_of(newer)["phrases"][0]["words"][0]["verdict"] == "UNKNOWN"


@pytest.mark.parametrize("text", [HEBREW, PERSIAN, "naïve 北京 🙂"])
def test_scripts_of_all_directions_stay_as_they_are(text: str) -> None:
    assert shown(text) == text


def test_what_is_not_visible_becomes_visible() -> None:
    assert shown(CONTROL) == "ab\\u202ecd\\x00\\x1b[31m"
    word = with_words(dataclasses.replace(WORD, text=CONTROL))
    assert detail_of(word)["phrases"][0]["words"][0]["text"] == shown(CONTROL)
    assert shown_all({"a\x00": [CONTROL, 1, None, True]}) == {"a\\x00": [shown(CONTROL), 1, None, True]}
