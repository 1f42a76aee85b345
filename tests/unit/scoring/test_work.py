"""No stage of the scoring takes more than its share: doubled input, at most about doubled work, or a stated bound."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.holes import hole
from support.work import steps

from aligner_mypyc import DELETE, INSERT, MATCH
from streamproc.contracts.generated import conversions
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.scoring import fluency, lexicon, score, spelling
from streamproc.scoring.ctc import Floats, greedy_decode, log_likelihoods, log_softmax
from streamproc.scoring.gaps import slide_to_words
from streamproc.scoring.phonemes import BLANK, PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.spelling import MAX_CHARACTERS
from streamproc.scoring.variants import VariantAligner
from streamproc.scoring.words import LONGEST_HEARD, WINDOW_PHONEMES, hear_words

pytestmark = hole("C1")

ALIGNER = VariantAligner()
MARGIN = 6.0
TWICE = 2.3
"""Doubled input may take so much more work: twice, and some room for what is not the same in both halves."""

TEXTS = ("a", "read the", "the live bow wound a tear", "cat dog elephant read")


class Counting:
    """The aligner, with the cells of every alignment."""

    def __init__(self) -> None:
        self.cells: list[int] = []

    def align(self, ref: bytes, hyp: bytes) -> bytes:
        """Align, and note the cells."""
        self.cells.append((len(ref) + 1) * (len(hyp) + 1))
        return ALIGNER.align(ref, hyp)


def words(text: str, count: int) -> list[ExpectedWord]:
    """The first ``count`` words of a text that goes on and on."""
    all_words = text.split() * count
    return [ExpectedWord(word, lexicon.pronunciations(word)) for word in all_words[:count]]


def babble(frames: int, silence: float) -> Floats:
    """Speech of no sense, with this share of silent frames."""
    random = np.random.default_rng(3)
    logits = random.normal(0, 4, (frames, BLANK + 1))
    logits[random.random(frames) < silence, BLANK] += 60
    return log_softmax(logits.astype(np.float32))


def heard(phonemes: int) -> bytes:
    return bytes(np.random.default_rng(3).integers(0, len(PHONEMES), phonemes).tolist())


def growth(work: Callable[[int], int], size: int) -> float:
    """How many times the work grows when the size is doubled."""
    return work(2 * size) / work(size)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("phonemes_a_word", [0, 0.05, 3])
def test_words_are_aligned_with_the_phrase_twice_and_else_in_windows(text: str, phonemes_a_word: float) -> None:
    def in_windows(count: int) -> int:
        counting = Counting()
        expected = words(text, count)
        hear_words(expected, heard(round(phonemes_a_word * count)), counting)
        first, *others = counting.cells
        variants = sum(len(word.pronunciations) for word in expected)
        assert len(others) <= variants + 1
        windows = others[:-1] if len(others) > variants or others[-1:] == [first] else others
        assert max(windows) <= (LONGEST_HEARD + 2 * WINDOW_PHONEMES) * (MAX_CHARACTERS + 2 * WINDOW_PHONEMES)
        return sum(windows)

    assert growth(in_windows, 200) <= TWICE


@pytest.mark.parametrize("phonemes_a_word", [0, 3])
@pytest.mark.parametrize("text", TEXTS)
def test_matching_takes_steps_in_proportion(text: str, phonemes_a_word: int) -> None:
    def matching(count: int) -> int:
        return steps(lambda: hear_words(words(text, count), heard(phonemes_a_word * count), ALIGNER))

    assert growth(matching, 100) <= TWICE


def ctc_cells(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    """Frames times states of all that is weighed."""
    cells = 0

    def counted(frames: Floats, hypotheses: Sequence[bytes]) -> list[float]:
        nonlocal cells
        cells += len(frames) * sum(2 * len(hypothesis) + 1 for hypothesis in hypotheses)
        return log_likelihoods(frames, hypotheses)

    with monkeypatch.context() as patch:
        patch.setattr(score, "log_likelihoods", counted)
        action()
    return cells


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("silence", [0.0, 0.9])
def test_weighing_takes_work_in_proportion_to_the_reading(
    monkeypatch: pytest.MonkeyPatch, text: str, silence: float
) -> None:
    def weighing(count: int) -> int:
        audio = babble(8 * count, silence)
        return ctc_cells(monkeypatch, lambda: score_phrase(audio, words(text, count), ALIGNER, MARGIN))

    assert growth(weighing, 200) <= TWICE


def test_a_text_of_which_nothing_was_heard_is_weighed_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = list(lexicon._dictionary())[::300]
    expected = [ExpectedWord(word, lexicon.pronunciations(word)) for word in vocabulary]
    variants = sorted((len(word.pronunciations) for word in expected), reverse=True)
    longest = max(len(variant) for word in expected for variant in word.pronunciations)
    silence = log_softmax(np.eye(BLANK + 1, dtype=np.float32)[[BLANK] * 6000] * 9)
    found = ctc_cells(monkeypatch, lambda: score_phrase(silence, expected, ALIGNER, MARGIN))
    assert found <= score.MOST_FRAMES * (1 + sum(variants[: score.MOST_WEIGHED])) * (2 * longest + 1)


def test_one_word_heard_as_a_speech_is_not_weighed_word_for_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = babble(4000, 0.0)
    found = ctc_cells(monkeypatch, lambda: score_phrase(audio, words("cat", 1), ALIGNER, MARGIN))
    assert found <= 3 * score.MOST_FRAMES * 2 * score.LONGEST_WEIGHED


def test_the_decode_takes_steps_in_proportion() -> None:
    def decoding(frames: int) -> int:
        audio = babble(frames, 0.5)
        return steps(lambda: greedy_decode(audio))

    assert growth(decoding, 500) <= TWICE


@pytest.mark.parametrize("gap", [1, 2, 3])
@pytest.mark.parametrize("kind", [DELETE, INSERT])
def test_gaps_slide_in_steps_in_proportion(gap: int, kind: int) -> None:
    # One sound over and over: every gap may slide as far as the next one.
    def slide(gaps: int) -> None:
        path = (bytes([kind]) * gap + bytes([MATCH]) * 5) * gaps
        short, long = bytes(5 * gaps), bytes((5 + gap) * gaps)
        reference, said = (long, short) if kind == DELETE else (short, long)
        slide_to_words(path, reference, said, [index // 7 for index in range(len(reference))])

    assert growth(lambda gaps: steps(lambda: slide(gaps)), 40) <= TWICE


def test_one_gap_in_one_long_sound_slides_in_steps_in_proportion() -> None:
    def slide(size: int) -> None:
        path = bytes([MATCH]) * size + bytes([DELETE]) + bytes([MATCH]) * size
        slide_to_words(path, bytes(2 * size + 1), bytes(2 * size), [0] * (2 * size + 1))

    assert growth(lambda size: steps(lambda: slide(size)), 200) <= TWICE


def test_figures_and_encoding_take_steps_in_proportion() -> None:
    def publish(count: int) -> None:
        word = RESULT.phrases[0].words[0]
        phrase = replace(RESULT.phrases[0], words=(word,) * count)
        fluency.count_verdicts(phrase.words)
        conversions.result_to_avro(replace(RESULT, phrases=(phrase,)))

    assert growth(lambda count: steps(lambda: publish(count)), 100) <= TWICE


def test_the_pattern_of_a_word_never_goes_back() -> None:
    """No repetition without a small bound gives back what it took: each character is read a few times at most."""
    parser: Any = importlib.import_module("re._parser")

    def greedy(tree: Any) -> int:
        found = 0
        for kind, value in tree:
            found += kind in (parser.MAX_REPEAT, parser.MIN_REPEAT) and value[1] > 8
            parts = value if isinstance(value, (tuple, list)) else [value]
            nested = [part for part in parts if isinstance(part, parser.SubPattern)]
            nested += [part for part in parts if isinstance(part, list) and kind == parser.BRANCH for part in part]
            found += sum(greedy(part) for part in nested)
        return found

    assert greedy(parser.parse(r"(?:a|(?:b+)++)c*+")) == 1
    assert greedy(parser.parse(spelling.WORD.pattern)) == 0
