"""Verdicts on phrases whose log-probabilities are written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligner_mypyc import Accepted, Aligner, CostModel, Inventory
from streamproc.contracts.generated.events import Operation, Verdict, WordResult
from streamproc.scoring import fluency, lexicon
from streamproc.scoring.ctc import FRAME_MS, greedy_decode
from streamproc.scoring.phonemes import BLANK, PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase

from .sounds import Sound, audio

MARGIN = 3.0
ALIGNER = Aligner(CostModel(Inventory(PHONEMES)))

CORRECT, MISPRONOUNCED, OMITTED, INSERTED = (
    Verdict.CORRECT,
    Verdict.MISPRONOUNCED,
    Verdict.OMITTED,
    Verdict.INSERTED,
)


def words(text: str) -> list[ExpectedWord]:
    return [ExpectedWord(word, lexicon.pronunciations(word)) for word in text.split()]


def verdicts(results: list[WordResult]) -> list[tuple[str | None, Verdict]]:
    return [(result.text, result.verdict) for result in results]


def score(text: str, *sounds: Sound | str, margin: float = MARGIN) -> list[WordResult]:
    return score_phrase(audio(*sounds), words(text), ALIGNER, margin)


def test_a_word_read_well() -> None:
    (cat,) = score("cat", "K", "AE", "T")
    assert (cat.verdict, cat.error_code) == (CORRECT, None)
    assert cat.confidence == pytest.approx(1, abs=0.01)
    assert cat.reference == cat.heard == ("K", "AE", "T")
    assert cat.operations == (Operation.MATCH,) * 3
    assert (cat.start_ms, cat.end_ms) == (0, 8 * FRAME_MS)


def test_a_word_read_otherwise() -> None:
    found = score("the cat sat", "DH", "AX", "K", "AO", "T", "S", "AE", "T")
    assert verdicts(found) == [("the", CORRECT), ("cat", MISPRONOUNCED), ("sat", CORRECT)]
    cat = found[1]
    assert cat.heard == ("K", "AO", "T")
    assert cat.operations == (Operation.MATCH, Operation.SUBSTITUTE, Operation.MATCH)
    assert cat.confidence > 0.9
    assert (cat.start_ms, cat.end_ms) == (6 * FRAME_MS, 14 * FRAME_MS)


def test_a_word_left_out() -> None:
    found = score("the cat sat", "DH", "AX", "S", "AE", "T")
    assert verdicts(found) == [("the", CORRECT), ("cat", OMITTED), ("sat", CORRECT)]
    assert found[1].heard == ()
    assert (found[1].start_ms, found[1].end_ms) == (None, None)
    assert found[1].operations == (Operation.DELETE,) * 3


def test_a_word_too_many() -> None:
    found = score("the cat", "DH", "AX", "F", "AO", "K", "S", "K", "AE", "T")
    assert verdicts(found) == [("the", CORRECT), (None, INSERTED), ("cat", CORRECT)]
    assert found[1].heard == ("F", "AO", "K", "S")
    assert found[1].reference == ()
    assert found[1].operations == (Operation.INSERT,) * 4


def test_a_suspect_word_that_the_audio_bears_out_is_correct() -> None:
    # Greedily it is "kot", but "cat" is almost as likely: the recogniser's slip, not the child's.
    slip = Sound("AO", doubt="AE", doubts=0.45)
    (cat,) = score("cat", "K", slip, "T")
    assert cat.verdict is CORRECT
    assert cat.heard == ("K", "AO", "T")
    (sure,) = score("cat", "K", Sound("AO", doubt="AE", doubts=0.001), "T")
    assert sure.verdict is MISPRONOUNCED


def test_the_margin_decides() -> None:
    doubtful = Sound("AO", doubt="AE", doubts=0.01)
    lax, strict = (score("cat", "K", doubtful, "T", margin=margin)[0] for margin in (20.0, 0.0))
    assert (lax.verdict, strict.verdict) == (CORRECT, MISPRONOUNCED)
    assert 0.5 <= lax.confidence <= 1


def test_extra_speech_that_the_audio_does_not_bear_out_is_no_word() -> None:
    maybe = [Sound(phoneme, doubt="-", doubts=0.49) for phoneme in ("F", "AO", "K")]
    assert verdicts(score("the cat", "DH", "AX", *maybe, "K", "AE", "T", margin=6.0)) == [
        ("the", CORRECT),
        ("cat", CORRECT),
    ]


def test_a_mistake_does_not_weigh_on_the_neighbours() -> None:
    found = score("the cat sat", "DH", "AX", "D", "AO", "G", Sound("S", doubt="Z", doubts=0.4), "AE", "T")
    assert [verdict for _, verdict in verdicts(found)] == [CORRECT, MISPRONOUNCED, CORRECT]


def test_words_that_run_into_each_other_are_weighed_with_their_neighbours() -> None:
    # "see eat" shares one long IY, with a dip that the decode does not hear.
    dip = audio(Sound("IY", doubt="-", doubts=0.4))[:1]
    log_probs = np.concatenate([audio("S"), audio("IY")[:2], dip, audio("IY", "T")])
    assert [token.code for token in greedy_decode(log_probs)] == list(lexicon.encode(["S", "IY", "T"]))
    expected = [
        ExpectedWord("see", (lexicon.encode(["S", "IY"]),)),
        ExpectedWord("eat", (lexicon.encode(["IY", "T"]),)),
    ]
    found = score_phrase(log_probs, expected, ALIGNER, MARGIN)
    assert verdicts(found) == [("see", CORRECT), ("eat", CORRECT)]


def test_a_word_that_nobody_can_say_is_not_judged() -> None:
    found = score("the 猫 cat", "DH", "AX", "N", "EH", "K", "OW", "K", "AE", "T")
    assert verdicts(found) == [("the", CORRECT), ("猫", Verdict.UNKNOWN), ("cat", CORRECT)]
    assert found[1].error_code == "REFERENCE_MISSING"
    assert found[1].confidence == 0


def test_an_accepted_variant_is_accepted() -> None:
    lenient = Aligner(CostModel(Inventory(PHONEMES), accepted=(Accepted("AO", "AA", 1, "cot and caught"),)))
    (dog,) = score_phrase(audio("D", "AA", "G"), [ExpectedWord("dog", (lexicon.encode(["D", "AO", "G"]),))], lenient, 3)
    assert dog.verdict is Verdict.ACCEPTED
    assert Operation.ACCEPT in dog.operations


def test_silence_omits_every_word_of_a_long_text() -> None:
    found = score_phrase(
        np.log(np.eye(41, dtype=np.float32)[[BLANK] * 500] + 1e-6), words("the cat sat " * 100), ALIGNER, 3
    )
    assert {result.verdict for result in found} == {OMITTED}
    assert len(found) == 300


def test_a_clip_too_short_for_its_text() -> None:
    found = score("the cat sat", "K")
    assert [verdict for text, verdict in verdicts(found) if text] != [CORRECT] * 3
    assert all(0 <= result.confidence <= 1 for result in found)
    assert score_phrase(audio(), words("cat"), ALIGNER, 3)[0].verdict is OMITTED


vocabulary = st.lists(st.sampled_from(["the", "cat", "read", "a", "猫", "elephant"]), min_size=1, max_size=6)


@given(vocabulary, st.integers(0, 10_000), st.integers(0, 60), st.sampled_from([1.0, 4.0, 20.0]))
def test_any_audio_gives_every_word_one_sound_verdict(
    text: list[str], seed: int, frames: int, sharpness: float
) -> None:
    logits = np.random.default_rng(seed).normal(0, sharpness, (frames, BLANK + 1)).astype(np.float32)
    log_probs = logits - np.log(np.exp(logits.astype(np.float64)).sum(axis=1, keepdims=True)).astype(np.float32)
    found = score_phrase(log_probs, words(" ".join(text)), ALIGNER, MARGIN)
    assert [result.text for result in found if result.text] == text
    previous_end = 0
    for result in found:
        assert 0 <= result.confidence <= 1
        assert (result.start_ms is None) == (result.end_ms is None) == (not result.heard)
        if result.start_ms is not None and result.end_ms is not None:
            assert previous_end <= result.start_ms < result.end_ms <= frames * FRAME_MS
            previous_end = result.end_ms
        assert Operation.UNKNOWN not in result.operations
    heard = [phoneme for result in found for phoneme in result.heard]
    decoded = [PHONEMES[token.code] for token in greedy_decode(log_probs)]
    # Only extra speech that the audio does not bear out may be left out.
    rest = iter(decoded)
    assert all(phoneme in rest for phoneme in heard)


def test_the_figures_of_a_reading() -> None:
    found = score("the cat sat 猫", "DH", "AX", "K", "AO", "T", "F", "AO", "K", "S")
    found += score("the cat sat", "DH", "AX", "K", "AE", "T", "F", "IH", "SH", "T", "S", "AE", "T")
    counts = fluency.count_verdicts(found)
    assert counts.expected == 7
    assert counts.unjudged == 1
    total = counts.correct + counts.accepted + counts.mispronounced + counts.omitted + counts.unjudged
    assert total == counts.expected
    accuracy = fluency.accuracy(counts)
    assert accuracy == pytest.approx(counts.correct / 6)
    wcpm = fluency.words_correct_per_minute(counts, 30_000)
    assert wcpm == pytest.approx(2 * counts.correct)


def test_no_word_judged_and_no_audio_have_no_figures() -> None:
    nothing = fluency.count_verdicts([])
    assert fluency.accuracy(nothing) is None
    assert fluency.words_correct_per_minute(nothing, 0) is None
    unjudged = fluency.count_verdicts(score("猫 cat", "K", "AE", "T")[:1])
    assert (unjudged.expected, unjudged.unjudged) == (1, 1)
    assert fluency.accuracy(unjudged) is None


def test_extra_words_do_not_raise_the_accuracy() -> None:
    found = score("the cat", "DH", "AX", "F", "AO", "K", "S", "K", "AE", "T")
    counts = fluency.count_verdicts(found)
    assert (counts.expected, counts.correct, counts.inserted) == (2, 2, 1)
    assert fluency.accuracy(counts) == 1.0
    assert math.isclose(fluency.words_correct_per_minute(counts, 60_000) or 0, 2)
