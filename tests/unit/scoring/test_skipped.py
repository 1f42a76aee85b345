"""Lines that were not read: found, and set apart from those that were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligner_mypyc import DELETE
from streamproc.contracts.generated.events import Verdict
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring import skipped
from streamproc.scoring.ctc import greedy_decode
from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.misread import Strictness, WordClassifier
from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import hear, hear_what_was_read, phrase_evidence, score_phrase
from streamproc.scoring.skipped import hear_without, likeliest_skipped, skipped_words, without_extra
from streamproc.scoring.usual import Usual
from streamproc.scoring.variants import VariantAligner
from streamproc.scoring.words import hear_words

from .sounds import audio

ALIGNER = VariantAligner()
SAID = {
    "the": "DH AX", "fox": "F AA K S", "ran": "R AE N", "home": "HH OW M", "big": "B IH G", "dog": "D AO G",
    "jumped": "JH AH M P T", "over": "OW V ER", "moon": "M UW N", "sat": "S AE T",
}  # fmt: skip
TEXT = "the fox ran home big dog jumped over moon sat"


def _expected(text: str) -> list[ExpectedWord]:
    return [ExpectedWord(word, (bytes(PHONEME_CODES[sound] for sound in SAID[word].split()),)) for word in text.split()]


def _sounds(text: str) -> list[str]:
    return [sound for word in text.split() for sound in SAID[word].split()]


def _codes(text: str) -> bytes:
    return bytes(PHONEME_CODES[sound] for sound in _sounds(text))


def _skipped(text: str, said: str) -> set[str]:
    words = _expected(text)
    places = skipped_words(hear_words(words, _codes(said), ALIGNER))
    return {words[place].text for place in places}


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (TEXT, set()),
        ("the fox ran home", {"big", "dog", "jumped", "over", "moon", "sat"}),
        ("the fox ran home moon sat", {"big", "dog", "jumped", "over"}),
        ("jumped over moon sat", {"the", "fox", "ran", "home", "big", "dog"}),
        ("the fox ran home big dog jumped over sat", set()),  # one word is a slip, no line
    ],
)
def test_a_line_of_which_nothing_was_said_is_found(said: str, missing: set[str]) -> None:
    assert _skipped(TEXT, said) == missing


def test_sounds_scattered_over_a_line_do_not_make_it_read() -> None:
    # "sat" sounds a little like the line that follows, which takes its sounds from it.
    words = _expected(TEXT)
    heard = hear_words(words, _codes("the fox ran home") + _codes("sat"), ALIGNER)
    assert {words[place].text for place in skipped_words(heard)} >= {"big", "dog", "jumped", "over"}


def test_what_was_heard_is_shared_out_among_the_words_that_were_read() -> None:
    words = _expected(TEXT)
    found = hear_without(words, frozenset({4, 5, 6, 7}), _codes("the fox ran home moon sat"), ALIGNER)
    assert [word.expected for word in found] == words
    assert all(word.exact for place, word in enumerate(found) if place not in range(4, 8))
    for word in found[4:8]:
        assert set(word.ops) == {DELETE}
        assert word.start == word.end == len(_codes("the fox ran home"))


def test_words_that_were_said_are_given_back() -> None:
    words = _expected(TEXT)
    log_probs = audio(*_sounds("the fox ran home big"))
    assert likeliest_skipped(words, frozenset(range(3, 10)), log_probs) == frozenset(range(5, 10))
    log_probs = audio(*_sounds("the fox jumped over moon sat"))
    assert likeliest_skipped(words, frozenset(range(2, 8)), log_probs) == frozenset(range(2, 6))


def test_giving_words_back_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipped, "MOST_CELLS", 10)
    places = frozenset(range(3, 10))
    assert likeliest_skipped(_expected(TEXT), places, audio(*_sounds(TEXT))) == places


def test_frames_of_extra_speech_are_left_out_and_those_of_a_slip_stay() -> None:
    words = _expected("the fox ran home")
    log_probs = audio(*_sounds("the fox big dog jumped ran home"))
    tokens = greedy_decode(log_probs)
    heard = hear_words(words, bytes(token.code for token in tokens), ALIGNER)
    kept = without_extra(heard, tokens, log_probs)
    # The blank after the last sound stays.
    assert len(log_probs) - len(kept) == 3 * len(_codes("big dog jumped")) - 1
    assert [token.code for token in greedy_decode(kept)] == list(_codes("the fox ran home"))
    slip = audio(*_sounds("the fox ran"), "S", "T", *_sounds("home"))
    tokens = greedy_decode(slip)
    heard = hear_words(words, bytes(token.code for token in tokens), ALIGNER)
    assert without_extra(heard, tokens, slip) is slip


def test_words_that_were_read_are_judged_as_if_the_others_were_not_there() -> None:
    log_probs = audio(*_sounds("the fox ran home"))
    whole = hear(log_probs, _expected(TEXT), ALIGNER)
    poor = phrase_evidence(whole, log_probs, Usual.unknown())
    part = hear_what_was_read(whole, _expected(TEXT), log_probs, ALIGNER)
    found = phrase_evidence(part, log_probs, Usual.unknown())
    alone = phrase_evidence(hear(log_probs, _expected("the fox ran home"), ALIGNER), log_probs, Usual.unknown())
    assert found is not None
    assert alone is not None
    assert np.allclose(found.table, alone.table)
    assert found.fit == pytest.approx(alone.fit)
    assert poor is None or poor.fit < found.fit


def _strict(**weights: float) -> Strictness:
    given = np.zeros(len(EVIDENCE))
    for name, weight in weights.items():
        given[EVIDENCE.index(name)] = weight
    size = len(EVIDENCE)
    return Strictness(WordClassifier("sha", np.zeros(size), np.ones(size), given, -6.0, {}, -3.0), 0.5)


@pytest.mark.parametrize("said", ["the", "OY SH", "OY ZH OY SH OY ZH OY SH OY ZH"])
def test_a_text_of_which_all_was_skipped_was_not_read(said: str) -> None:
    sounds = _sounds(said) if said in SAID else said.split()
    with pytest.raises(StreamprocError) as raised:
        score_phrase(audio(*sounds), _expected(TEXT), ALIGNER, 6.0, strictness=_strict())
    assert raised.value.code in (ErrorCode.NOTHING_HEARD, ErrorCode.TEXT_NOT_HEARD)


@given(
    st.lists(st.sampled_from([*SAID, "?"]), min_size=1, max_size=14),
    st.lists(st.sampled_from([*SAID, "noise"]), max_size=14),
)
def test_whatever_was_said_every_word_has_one_verdict_or_the_phrase_a_code(text: list[str], said: list[str]) -> None:
    words = [ExpectedWord("?", ()) if word == "?" else _expected(word)[0] for word in text]
    sounds = [sound for word in said for sound in (("OY", "ZH") if word == "noise" else _sounds(word))]
    code, found = None, []
    try:
        found = score_phrase(audio(*sounds), words, ALIGNER, 6.0, strictness=_strict(goodness=-3.0))
    except StreamprocError as error:
        code = error.code
    judged = [result.text for result in found if result.verdict is not Verdict.INSERTED]
    assert judged == text if code is None else code in (ErrorCode.NOTHING_HEARD, ErrorCode.TEXT_NOT_HEARD)


def test_who_leaves_off_is_not_blamed_for_what_was_read() -> None:
    # A classifier that finds whatever fits the audio badly misread.
    words = score_phrase(
        audio(*_sounds("the fox ran home")), _expected(TEXT), ALIGNER, 6.0, strictness=_strict(goodness=-3.0)
    )
    assert [word.verdict for word in words] == [Verdict.CORRECT] * 4 + [Verdict.OMITTED] * 6
