"""Pronunciations of words: the CMU dictionary, then espeak-ng where the ``speech`` extra is installed.

Source of the data: The Carnegie Mellon Pronouncing Dictionary, http://www.speech.cs.cmu.edu/cgi-bin/cmudict, under
the licence in ``data/dictionary.LICENSE``; ``streamproc.training.dictionary`` makes the file.
"""

from __future__ import annotations

import gzip
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product

from streamproc.scoring.g2p import pronounce
from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.scoring.spelling import MAX_CHARACTERS, folded
from streamproc.scoring.spoken import readings


@cache
def _dictionary() -> dict[str, str]:
    """Word in lower case -> its pronunciations, separated by '|'; 135,000 words, read once in about 0.1 s."""
    packed = files("streamproc.scoring").joinpath("data", "dictionary.txt.gz").read_bytes()
    text = gzip.decompress(packed).decode()
    return dict(line.split("\t", 1) for line in text.splitlines())


def load() -> None:
    """Read the dictionary now rather than with the first activity."""
    _dictionary()


def encode(symbols: list[str] | tuple[str, ...]) -> bytes:
    """Phoneme symbols as codes, one byte each.

    Raises:
        KeyError: a symbol that is not one of ``PHONEMES``.
    """
    return bytes([PHONEME_CODES[symbol] for symbol in symbols])


MOST_WAYS = 16
"""Ways to say a number or sign that are kept: each costs the scoring an alignment."""


def pronunciations(word: str) -> tuple[bytes, ...]:
    """All known pronunciations of a printed word as phoneme codes, the most usual first; empty where none is known.

    Numbers and signs have those of their readings. A possessive or a hyphenated compound that the dictionary lacks is
    put together from its parts. What is longer than any word has no pronunciation.
    """
    spelling = folded(word)
    return _spelt(spelling) if len(spelling) <= MAX_CHARACTERS else ()


@lru_cache(maxsize=65_536)
def _spelt(spelling: str) -> tuple[bytes, ...]:
    known = _dictionary().get(spelling)
    if known is not None:
        return tuple(encode(variant.split()) for variant in known.split("|"))
    if ways := readings(spelling):
        said = (b"".join(one) for way in ways for one in islice(product(*map(_spelt, way)), MOST_WAYS // 4))
        return tuple(islice(dict.fromkeys(said), MOST_WAYS))
    if "-" in spelling:
        parts = [_spelt(part) for part in spelling.split("-") if part]
        return (b"".join(part[0] for part in parts),) if parts and all(parts) else ()
    if spelling.endswith("'s") and (stem := _spelt(spelling[:-2])):
        return tuple(variant + _possessive(variant) for variant in stem)
    symbols = pronounce(spelling) if spelling else None
    return (encode(symbols),) if symbols else ()


def _possessive(stem: bytes) -> bytes:
    """The sound of 's after a stem: AX Z after a sibilant, S after a voiceless consonant, else Z."""
    last = stem[-1]
    if last in encode(["S", "Z", "SH", "ZH", "CH", "JH"]):
        return encode(["AX", "Z"])
    return encode(["S"] if last in encode(["P", "T", "K", "F", "TH"]) else ["Z"])
