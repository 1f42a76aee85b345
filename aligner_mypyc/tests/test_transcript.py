"""Transcripts: strict and forgiving."""

from __future__ import annotations

import re
import warnings

import pytest

from aligner_mypyc import Aligner, AlignerError, CostModel, Inventory, UnknownSymbolWarning, project, read_transcript

INVENTORY = Inventory(["P", "B", "T"], aliases={"D": "T"})


def test_words_are_parted_by_separators() -> None:
    assert read_transcript(" P B|T D  | P\n", INVENTORY) == (b"\x00\x01\x02\x02\x00", [(0, 2), (2, 4), (4, 5)])
    assert read_transcript("P / B", INVENTORY, separator="/") == (b"\x00\x01", [(0, 1), (1, 2)])
    assert read_transcript("", INVENTORY) == read_transcript("  ", INVENTORY) == (b"", [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("P X", "unknown symbol 'X' at position 1"),
        ("P | X", "unknown symbol 'X' at position 2"),
        ("P || B", "no symbol before the separator at position 2: an empty word"),
        ("| P", "no symbol before the separator at position 0: an empty word"),
        ("P |", "no symbol before the separator at position 2: an empty word"),
        ("|", "no symbol before the separator at position 0: an empty word"),
    ],
)
def test_strictly_what_is_wrong_is_named_with_its_position(text: str, message: str) -> None:
    with pytest.raises(AlignerError, match=f"^{re.escape(message)}"):
        read_transcript(text, INVENTORY)


@pytest.mark.parametrize(
    ("text", "codes", "spans", "warned"),
    [
        ("P || | B", b"\x00\x01", [(0, 1), (1, 2)], []),
        ("| P |", b"\x00", [(0, 1)], []),
        ("|||", b"", [], []),
        ("P X T", b"\x00\x02", [(0, 2)], ["'X' at position 1"]),
        ("P | X ? | T", b"\x00\x02", [(0, 1), (1, 1), (1, 2)], ["'X' at position 2", "'?' at position 3"]),
    ],
)
def test_forgiving_it_warns_and_goes_on(
    text: str, codes: bytes, spans: list[tuple[int, int]], warned: list[str]
) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert read_transcript(text, INVENTORY, strict=False) == (codes, spans)
    assert [str(warning.message) for warning in found] == [f"unknown symbol {what} is passed over" for what in warned]
    assert all(warning.category is UnknownSymbolWarning for warning in found)


def test_a_forgiven_word_keeps_its_place() -> None:
    with pytest.warns(UnknownSymbolWarning):
        codes, spans = read_transcript("P | X | T", INVENTORY, strict=False)
    ops = Aligner(CostModel(INVENTORY)).align(codes, b"\x00\x02")
    assert [word.verdict for word in project(ops, spans)] == ["exact"] * 3


def test_encoding_may_forgive_too() -> None:
    with pytest.raises(AlignerError, match=r"unknown symbol '' at position 1"):
        INVENTORY.encode(["P", "", "T"])
    with pytest.warns(UnknownSymbolWarning, match=r"unknown symbol '' at position 1 is passed over"):
        assert INVENTORY.encode(["P", "", "T"], strict=False) == b"\x00\x02"
    with_wildcard = Inventory(["P", "?"], wildcard="?")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert with_wildcard.encode(["X"], strict=False) == b"\x01"
        assert read_transcript("X", with_wildcard, strict=False) == (b"\x01", [(0, 1)])


@pytest.mark.parametrize("separator", ["", " ", "P", "D", "| |"])
def test_a_separator_is_a_token_of_its_own(separator: str) -> None:
    with pytest.raises(AlignerError, match=re.escape(f"the separator {separator!r} must be one token")):
        read_transcript("P", INVENTORY, separator)
