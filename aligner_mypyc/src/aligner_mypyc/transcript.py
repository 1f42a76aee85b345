"""Transcripts: words in phoneme symbols, written as text."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from .errors import AlignerError, UnknownSymbolWarning
from .inventory import Inventory


class Transcript(NamedTuple):
    """The symbols of a text's words as codes, and each word's ``(start, end)`` in them, as ``project`` takes it."""

    codes: bytes
    spans: list[tuple[int, int]]


def read_transcript(text: str, inventory: Inventory, separator: str = "|", strict: bool = True) -> Transcript:
    """Read words of symbols: ``"TH IH NG K | Y UW"`` has two.

    Symbols stand between blanks, words between separators. Strictly, every word has a symbol and the inventory has
    every symbol. Otherwise a symbol that it lacks is passed over with an UnknownSymbolWarning (a word of which nothing
    is left stays, without symbols), and where separators follow each other, or stand at an end, there is no word.

    Args:
        text: the transcript; an empty one has no words.
        separator: what parts words; a symbol of the inventory cannot.
        strict: whether what is wrong is an error.

    Raises:
        AlignerError: a separator that is empty, blank or a symbol; strictly, an unknown symbol or an empty word, named
            with its position (of tokens, separators included, from 0).
    """
    if separator in inventory or separator.split() != [separator]:
        raise AlignerError(f"the separator {separator!r} must be one token, and no symbol of the inventory")
    codes = bytearray()
    spans: list[tuple[int, int]] = []
    start = tokens = 0
    parts = text.replace(separator, f" {separator} ").split()
    for place, token in enumerate([*parts, separator]):
        if token != separator:
            tokens += 1
            try:
                codes.append(inventory.code(token))
            except AlignerError as error:
                if strict:
                    raise AlignerError(f"{error} at position {place}") from None
                warnings.warn(f"{error} at position {place} is passed over", UnknownSymbolWarning, stacklevel=2)
        elif tokens:
            spans.append((start, len(codes)))
            start, tokens = len(codes), 0
        elif strict and parts:
            raise AlignerError(f"no symbol before the separator at position {place}: an empty word")
    return Transcript(bytes(codes), spans)
