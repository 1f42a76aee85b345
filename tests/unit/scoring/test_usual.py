"""A phoneme beside how it usually sounds: what is poor for one is usual for another."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streamproc.scoring.phonemes import PHONEME_CODES, PHONEMES
from streamproc.scoring.usual import COMPARED, Usual, compare

COLUMN = {name: place for place, name in enumerate(COMPARED)}
S, AE, T = (PHONEME_CODES[phoneme] for phoneme in ("S", "AE", "T"))
KNOWN = Usual.of(
    np.array([S, S, S, AE, AE, AE]), np.array([-5.0, -4.0, -3.0, -0.3, -0.2, -0.1]), np.array([0, 1, 2, 5, 6, 7.0])
)


def compared(codes: list[int], sizes: list[int], goodness: list[float]) -> np.ndarray:
    places = np.arange(len(codes), dtype=np.float64)
    return compare(bytes(codes), sizes, np.array(goodness), places - 1, places + 1, KNOWN)


def test_the_same_goodness_is_usual_for_a_phoneme_that_is_heard_badly_and_poor_for_another() -> None:
    hard, easy = compared([S, AE], [1, 1], [-4.0, -4.0])
    assert hard[COLUMN["usual"]] == pytest.approx(0)
    assert easy[COLUMN["usual"]] < -20
    assert (hard[COLUMN["share_poor"]], easy[COLUMN["share_poor"]]) == (0, 1)


def test_a_phoneme_that_was_never_heard_is_told_as_it_is() -> None:
    ((usual, *_),) = compared([T], [1], [-1.5])
    assert usual == -1.5


def test_a_word_is_told_by_its_mean_its_worst_and_its_two_worst_phonemes() -> None:
    (word,) = compared([T, T, T], [3], [-1.0, -4.0, -2.0])
    names = ("usual", "worst_usual", "two_worst_usual", "usual_rivalry", "worst_usual_rivalry", "share_outdone")
    assert [word[COLUMN[name]] for name in names] == pytest.approx([-7 / 3, -4, -3, 0, -1, 1 / 3])
    assert word[COLUMN["longest"]] == pytest.approx(np.log1p(3))
    assert word[COLUMN["shortest"]] == pytest.approx(np.log1p(1))


def test_the_words_beside_it_count_and_beyond_the_phrase_all_is_usual() -> None:
    first, middle, last = compared([T, T, T, T], [1, 2, 1], [-1.0, -2.0, -4.0, -8.0])
    assert [first[COLUMN[name]] for name in ("before_usual", "before_worst_usual")] == [0, 0]
    assert [middle[COLUMN[name]] for name in ("before_usual", "after_usual")] == [-1, -8]
    assert [last[COLUMN[name]] for name in ("before_usual", "before_worst_usual", "after_usual")] == [-3, -4, 0]
    assert middle[COLUMN["phrase_worst_usual"]] == pytest.approx(-13 / 3)
    assert middle[COLUMN["usual_contrast"]] == pytest.approx(-4 + 13 / 3)


def test_json_gives_the_same_and_needs_every_phoneme() -> None:
    written = json.loads(json.dumps(KNOWN.to_json()))
    assert np.abs(Usual.from_json(written).table - KNOWN.table).max() < 1e-5
    with pytest.raises(ValueError, match="four numbers"):
        Usual.from_json({phoneme: [0.0, 1.0, 0.0] for phoneme in PHONEMES})
    del written["S"]
    with pytest.raises(KeyError):
        Usual.from_json(written)
