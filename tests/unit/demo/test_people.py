"""Recordings of people in the demonstration: what is sent of them, and how their verdicts are counted and shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rich.console import Console

from streamproc.audio.decode import decode_clip
from streamproc.contracts.generated.events import SourcePosition, Verdict
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.demo.exchange import ActivityOutcome
from streamproc.demo.people import PersonRow, match_people, people_activity, people_figures, people_report
from streamproc.training.people.clips import MarkedWord, PersonClip

SOUND = (0.1 * np.sin(np.arange(16_000) / 10)).astype(np.float32)
MARKS = {"cat": (10.0,) * 5, "sat": (2.0, 3.0, 3.0, 8.0, 9.0), "down": (10.0, 10.0, 9.0, 10.0, 10.0)}
CLIP = PersonClip(
    "nina-smith.wav",
    "nina-smith",
    7,
    "as recorded",
    "cat sat down",
    tuple(MarkedWord(text, marks) for text, marks in MARKS.items()),
    lambda: SOUND,
)


def place(offset: int) -> SourcePosition:
    return SourcePosition(topic="activities", partition=0, offset=offset)


def outcome(offset: int, *verdicts: Verdict) -> ActivityOutcome:
    phrase, word = RESULT.phrases[0], RESULT.phrases[0].words[0]
    words = tuple(replace(word, text=None if v is Verdict.INSERTED else "cat", verdict=v) for v in verdicts)
    return ActivityOutcome(place(offset), 0, replace(RESULT, phrases=(replace(phrase, words=words),)))


def test_what_is_sent_is_the_recording_and_says_nothing_of_who_reads() -> None:
    sent = people_activity(CLIP, 3)
    (phrase,) = sent.phrases
    assert phrase.expected_text == "cat sat down"
    assert phrase.audio.data is not None
    assert np.abs(decode_clip(phrase.audio.data, 10.0) - SOUND).max() < 1e-3
    assert "nina" not in repr(replace(sent, phrases=()))


def test_flagged_words_are_counted_beside_the_experts_marks() -> None:
    flagged = outcome(0, Verdict.MISPRONOUNCED, Verdict.INSERTED, Verdict.OMITTED, Verdict.OMITTED)
    well = outcome(1, Verdict.CORRECT, Verdict.ACCEPTED, Verdict.CORRECT)
    rows = match_people([CLIP, CLIP, CLIP], [place(0), place(1), place(2)], [well, flagged, flagged])
    found = people_figures(rows)
    assert (found.recordings, found.not_judged) == (3, 1)
    assert (found.perfect, found.perfect_flagged) == (2, 1), "9 of 10 is not perfect"
    assert (found.bad, found.bad_found) == (2, 1)


def test_the_report_shows_the_verdicts_and_what_experts_found() -> None:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(people_report([PersonRow(CLIP, None)]))
    assert "no outcome" in shown.get()
    assert "1 recordings, 1 not judged" in shown.get()
    assert "sat" in shown.get().split("experts found misread")[1]
