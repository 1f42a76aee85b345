"""A child who stops half-way: the last words that were read are not taken for skipped."""

from __future__ import annotations

import random

import pytest

from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.restored import restored_words
from streamproc.scoring.score import hear, hear_what_was_read
from streamproc.scoring.skipped import hear_without
from streamproc.scoring.variants import VariantAligner

from .sounds import audio

ALIGNER = VariantAligner()
READ, NOT_READ = 20, 200


def _text(count: int = READ + NOT_READ) -> list[ExpectedWord]:
    draw = random.Random(3)
    return [
        ExpectedWord(f"w{number}", (bytes(draw.randrange(39) for _ in range(draw.randint(2, 6))),))
        for number in range(count)
    ]


def _said(words: list[ExpectedWord]) -> bytes:
    return b"".join(word.pronunciations[0] for word in words)


def _restored(words: list[ExpectedWord], skipped: frozenset[int], heard: bytes) -> frozenset[int]:
    return restored_words(words, skipped, hear_without(words, skipped, heard, ALIGNER), heard, ALIGNER)


@pytest.mark.parametrize("lost", [2, 10, 18])
def test_the_last_words_before_what_was_not_read_are_restored(lost: int) -> None:
    words = _text()
    skipped = frozenset(range(READ - lost, len(words)))
    assert _restored(words, skipped, _said(words[:READ])) == frozenset(range(READ - lost, READ))


@pytest.mark.parametrize("lost", [2, 10, 18])
def test_the_first_words_after_what_was_not_read_are_restored(lost: int) -> None:
    words = _text()
    skipped = frozenset(range(NOT_READ + lost))
    assert _restored(words, skipped, _said(words[NOT_READ:])) == frozenset(range(NOT_READ, NOT_READ + lost))


def test_a_long_text_of_which_a_tenth_was_read_has_none_of_that_tenth_omitted() -> None:
    words = _text(600)
    names = {code: name for name, code in PHONEME_CODES.items()}
    # A sound in twelve is heard as another: scattered over what was not read, the last ones seem to fit better.
    said = bytearray(_said(words[:60]))
    for at in range(5, len(said), 12):
        said[at] = (said[at] + 17) % 39
    log_probs = audio(*(names[code] for code in said))
    part = hear_what_was_read(hear(log_probs, words, ALIGNER), words, log_probs, ALIGNER)
    places = [place for place, word in enumerate(part.words) if word.expected]
    assert [number for number, place in enumerate(places) if place in part.skipped] == list(range(60, len(words)))


def test_other_speech_restores_nothing() -> None:
    words = _text()
    draw = random.Random(5)
    other = bytes(draw.randrange(39) for _ in range(40))
    assert _restored(words, frozenset(range(READ, len(words))), _said(words[:READ]) + other) == frozenset()
