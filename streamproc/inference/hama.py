"""A second opinion on speech: the phoneme model that the PyPI package hama ships, its symbols turned into ours.

hama 1.3.13 (Apache-2.0, the extra ``hama``) hears real speech; what it was trained on is not documented. So it may be
asked, but nothing that is committed may learn from it. It gives 191 symbols of the International Phonetic Alphabet,
blank and word boundary among them, one frame each 20 ms as our own models do; of the many that are one phoneme of ours
the probabilities are summed. No part of the worker needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.contracts.phonemes import PHONEMES
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.alphabet import as_ours
from streamproc.inference.answers import FRAME_SAMPLES
from streamproc.inference.onnx_session import open_session

Floats = NDArray[np.float32]

LEAST = -15.0
"""Natural logarithm below which no symbol's probability falls: no model is to be that sure of what was not said."""

PIECE = 12 * SAMPLE_RATE
"""Samples that are heard at once, with `_AROUND` on either side: of a minute the model makes little."""

_AROUND = SAMPLE_RATE
_SHORTEST = 640

SYMBOLS: dict[str, str] = {
    "AA": "ɑ ɒ a à ã ä å", "AE": "æ", "AH": "ʌ ɐ", "AO": "ɔ", "AW": "aʊ", "AX": "ə ɘ ɵ ᵊ", "AY": "aɪ", "B": "b ɓ β",
    "CH": "t͡ʃ t͡ɕ t͡ɕʰ t͡ɕ͈", "D": "d ɖ ɗ", "DH": "ð", "EH": "ɛ eə œ", "ER": "ɚ ɝ ɜ", "EY": "eɪ e ẽ ø", "F": "f ɸ",
    "G": "g ɡ ɣ", "HH": "h ɦ ħ", "IH": "ɪ ɨ ɪə ʏ", "IY": "i y ì ĩ ǐ", "JH": "d͡ʒ ɟ", "K": "k kʰ k͈ c x χ",
    "L": "l ɫ ɮ ʎ", "M": "m ɱ", "N": "n ɲ ñ ɴ", "NG": "ŋ", "OW": "oʊ o õ ɤ", "OY": "ɔɪ", "P": "p pʰ p͈",
    "R": "ɹ r ɻ ɽ ʀ ʁ", "S": "s s͈", "SH": "ʃ ʂ ɕ ç", "T": "t tʰ t͈ ɾ ʈ", "TH": "θ", "UH": "ʊ", "UW": "u ʉ ɯ ũ",
    "V": "v ʋ", "W": "w ɰ ɥ", "Y": "j ʝ", "Z": "z", "ZH": "ʒ ʐ ʑ",
}  # fmt: skip
"""For each of our phonemes those of hama's symbols that sound like it, foreign ones included; all others (marks, tones,
word boundaries, two sounds in one) count as the blank."""


def places(symbols: Sequence[str]) -> NDArray[np.intp]:
    """For each of a model's ``symbols`` the place of our phoneme, or that of the blank."""
    ours = {symbol: place for place, phoneme in enumerate(PHONEMES) for symbol in SYMBOLS[phoneme].split()}
    return np.array([ours.get(symbol, len(PHONEMES)) for symbol in symbols])


def grouped(log_probs: Floats, groups: NDArray[np.intp]) -> Floats:
    """Log-probabilities over 41 symbols of those over more: log-sum-exp over each group, `LEAST` at the least.

    ``log_probs`` [frames, symbols] are normalised; ``groups`` [symbols] from 0 to 40.
    """
    everyone = np.arange(len(PHONEMES) + 1)
    # A symbol more for each of ours, that is never heard: so each has one.
    exact = np.pad(log_probs.astype(np.float64), ((0, 0), (0, len(everyone))), constant_values=-np.inf)
    return np.clip(as_ours(exact, [*groups, *everyone]), LEAST, 0.0)


def installed() -> str:
    """Name and version of the model. Raises StreamprocError, SETTINGS_INVALID, where the package is not installed."""
    try:
        return f"hama {version('hama')}"
    except PackageNotFoundError:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID, "the second model needs hama: pip install 'streamproc[hama]'"
        ) from None


class Hama:
    """The model on this machine's CPU, one thread.

    Raises:
        StreamprocError: SETTINGS_INVALID, where the package is not installed.
    """

    def __init__(self) -> None:
        self.name = installed()
        from hama import Vocabulary

        content = files("hama.assets").joinpath("asr_waveform_fp16.onnx").read_bytes()
        self._session = open_session(content)
        # The order of the model's outputs: its pronouncer's vocabulary, and two more.
        self._groups = places([*Vocabulary.load().decoder, "<wb>", "<blank>"])

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """Log-probabilities [samples // 320 + 1, 41] of each clip of 16 kHz samples."""
        return [
            np.concatenate([self._grouped(clip, begin) for begin in range(0, len(clip) + 1, PIECE)]) for clip in clips
        ]

    def _grouped(self, clip: Floats, begin: int) -> Floats:
        """The frames of the piece that begins with sample ``begin``, heard with what lies around it."""
        first = max(0, begin - _AROUND)
        found = grouped(self._heard(clip[first : begin + PIECE + _AROUND]), self._groups)
        end = min(begin + PIECE, len(clip) + 1)
        return found[(begin - first) // FRAME_SAMPLES : -(-(end - first) // FRAME_SAMPLES)]

    def _heard(self, clip: Floats) -> Floats:
        # It mirrors a clip at its ends, which takes a few samples.
        padded = np.pad(clip, (0, max(0, _SHORTEST - len(clip))))[None]
        lengths = np.array([padded.shape[1]], dtype=np.int64)
        (found,) = self._session.run(["log_probs"], {"waveform": padded, "waveform_lengths": lengths})
        heard: Floats = found[0, : len(clip) // FRAME_SAMPLES + 1]
        return heard
