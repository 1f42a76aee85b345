"""What a run looks like: in narrow and wide terminals, with and without colour."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from streamproc.contracts.generated.events import Verdict
from streamproc.demo import judging, report
from streamproc.demo.readings import demo_readings

from .outcomes import Words, flawless, published, word

READINGS = demo_readings()
ROWS = judging.match(READINGS, published(READINGS), [flawless(reading) for reading in READINGS])


def shown(width: int, *, terminal: bool = False, rows: list[judging.Row] = ROWS) -> str:
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        highlight=False,
    )
    report.show(rows, judging.problems(rows), console)
    return output.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(cell_len(line) for line in shown(width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_every_word_of_every_reading_can_be_read(width: int) -> None:
    text = shown(width)
    for reading in READINGS:
        for phrase in reading.phrases:
            for expected in phrase.reading.expected:
                assert expected in text.lower()


def test_without_a_terminal_there_is_no_escape_code() -> None:
    assert "\x1b" not in shown(80)
    assert "\x1b" in shown(80, terminal=True)


def test_every_verdict_has_a_mark_of_its_own_that_the_legend_explains() -> None:
    assert set(report.MARKS) == set(Verdict)
    legend = shown(80)
    marked = {report.word_text(word("cat", verdict)).plain for verdict in Verdict}
    assert len(marked) == len(Verdict)
    for mark, _, meaning in report.MARKS.values():
        assert f"{mark.format('word')} {meaning}" in legend


def test_extra_speech_is_shown_as_it_was_heard() -> None:
    assert report.word_text(word(None, Verdict.INSERTED)).plain == "{+k ae t+}"


def test_only_a_wide_terminal_says_how_a_reading_was_recorded() -> None:
    assert "FLAC 44.1 kHz" in shown(120)
    assert "kHz" not in shown(80)


def test_a_dead_letter_a_failed_phrase_and_a_missing_outcome_say_so() -> None:
    assert "dead letter: AUDIO_UNREADABLE" in shown(80)
    assert "FAILED: AUDIO_UNREADABLE" in shown(80)
    missing = judging.match(READINGS, published(READINGS), [])
    assert "no outcome" in shown(80, rows=missing)


def test_what_was_missed_and_wrongly_flagged_is_named() -> None:
    def flag_first(words: Words) -> Words:
        return (word(words[0].text, Verdict.OMITTED), *words[1:])

    first = judging.match(READINGS[:1], published(READINGS[:1]), [flawless(READINGS[0], flag_first)])
    assert "flagged       reading 1: 'milo' was read well" in shown(80, rows=first)
    second = judging.match(READINGS[1:2], published(READINGS[1:2]), [])
    assert "missed        reading 2: 'behind' was mispronounced" in shown(80, rows=second)


def test_a_passed_run_says_so_and_a_failed_one_says_why() -> None:
    assert "PASSED" in shown(80)
    failed = shown(80, rows=judging.match(READINGS, published(READINGS), [flawless(r) for r in READINGS[1:]]))
    assert "PASSED" not in failed
    assert "FAILED\n  1 of 30 activities have no outcome" in failed
