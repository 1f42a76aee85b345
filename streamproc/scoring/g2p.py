"""Graphemes to phonemes: how a word that no dictionary knows is probably said."""

from __future__ import annotations

import functools
import importlib.util

from streamproc.scoring import espeak
from streamproc.scoring.spelling import PLAIN_WORD, is_latin


@functools.lru_cache(maxsize=16_384)
def _pronounce(word: str) -> tuple[str, ...]:
    return tuple(espeak.symbols(espeak.engine().mnemonics(word)))


def pronounce(word: str) -> list[str] | None:
    """The symbols with which espeak-ng's American English says ``word``, or None.

    None where the extra ``speech`` is not installed, and for what is not one word or has nothing to say. Letters of
    other scripts are not said: an English voice gives their names instead.
    """
    if importlib.util.find_spec("espeakng_loader") is None or not (PLAIN_WORD.fullmatch(word) and is_latin(word)):
        return None
    return list(_pronounce(word.lower())) or None
