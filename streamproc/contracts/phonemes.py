"""The phoneme symbols of the contract: what references and results are written in.

ARPAbet (Carnegie Mellon University's Pronouncing Dictionary, http://www.speech.cs.cmu.edu/cgi-bin/cmudict) without
stress marks, and AX for the unstressed AH ("about", "the"), which sounds and shortens unlike the stressed one ("cup").
"""

from __future__ import annotations

PHONEMES: tuple[str, ...] = (
    "AA", "AE", "AH", "AO", "AW", "AX", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The 40 symbols in code order: symbol number i of the model's output is ``PHONEMES[i]``."""
