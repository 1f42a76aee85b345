"""The phoneme symbols that the model hears and references are written in.

ARPAbet (Carnegie Mellon University's Pronouncing Dictionary, http://www.speech.cs.cmu.edu/cgi-bin/cmudict) without
stress marks, and AX for the unstressed AH ("about", "the"), which sounds and shortens unlike the stressed one ("cup").
"""

from __future__ import annotations

PHONEMES: tuple[str, ...] = (
    "AA", "AE", "AH", "AO", "AW", "AX", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The 40 symbols in code order: symbol number i of the model's output is ``PHONEMES[i]``."""

BLANK = len(PHONEMES)
"""Index of the CTC blank in the model's output: the last of 41."""

PHONEME_CODES: dict[str, int] = {symbol: code for code, symbol in enumerate(PHONEMES)}
