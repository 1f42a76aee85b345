"""The phoneme symbols of the contract as the model's output numbers them."""

from __future__ import annotations

from streamproc.contracts.phonemes import PHONEMES as PHONEMES

BLANK = len(PHONEMES)
"""Index of the CTC blank in the model's output: the last of 41."""

PHONEME_CODES: dict[str, int] = {symbol: code for code, symbol in enumerate(PHONEMES)}
