"""A model's many symbols as our 41, without the model."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from streamproc.contracts.phonemes import PHONEMES
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference import hama
from streamproc.inference.hama import LEAST, SYMBOLS, grouped, places


def test_each_phoneme_has_symbols_and_no_symbol_two_phonemes() -> None:
    assert set(SYMBOLS) == set(PHONEMES)
    symbols = [symbol for of in SYMBOLS.values() for symbol in of.split()]
    assert len(symbols) == len(set(symbols))


def test_what_is_no_phoneme_of_ours_is_the_blank() -> None:
    assert places(["ɑ", "ɒ", "<wb>", "ː", "<blank>"]).tolist() == [0, 0, 40, 40, 40]


def test_probabilities_of_symbols_of_one_phoneme_are_summed() -> None:
    frame = np.log(np.array([[0.3, 0.2, 0.1, 0.15, 0.25]], dtype=np.float32))
    found = grouped(frame, places(["ɑ", "ɒ", "k", "<wb>", "<blank>"]))
    assert np.exp(found[0, [0, PHONEMES.index("K"), 40]]).tolist() == pytest.approx([0.5, 0.1, 0.4])
    assert found[0, PHONEMES.index("Z")] == pytest.approx(LEAST)


def test_symbols_far_below_any_probability_neither_overflow_nor_vanish() -> None:
    frame = np.array([[-1e5, -800.0, 0.0]], dtype=np.float32)
    found = grouped(frame, places(["ɑ", "ɒ", "<blank>"]))
    assert np.isfinite(found).all()
    assert found.max() <= 0


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(hama, "version", missing)
    with pytest.raises(StreamprocError, match=r"pip install 'streamproc\[hama\]'") as raised:
        hama.Hama()
    assert raised.value.code is ErrorCode.SETTINGS_INVALID
