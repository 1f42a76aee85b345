"""Inventories: codes, wildcards, aliases."""

from __future__ import annotations

import pytest

from aligner_mypyc import AlignerError, Inventory


def test_encode_and_decode() -> None:
    inventory = Inventory(["P", "B", "T"])
    assert inventory.encode(["T", "P"]) == b"\x02\x00"
    assert inventory.decode(b"\x02\x00") == ["T", "P"]
    assert len(inventory) == 3
    assert "B" in inventory
    assert "D" not in inventory


def test_unknown_symbols_are_an_error_or_the_wildcard() -> None:
    with pytest.raises(AlignerError, match=r"unknown symbol 'X' at position 1"):
        Inventory(["P", "B"]).encode(["P", "X"])
    assert Inventory(["P", "?"], wildcard="?").encode(["X", "P"]) == b"\x01\x00"
    with pytest.raises(AlignerError, match=r"code 7 at position 1 is outside the inventory of 2 symbols"):
        Inventory(["P", "B"]).decode(b"\x00\x07")


def test_aliases_may_lead_over_others() -> None:
    inventory = Inventory(["ER", "T"], aliases={"AXR": "ER", "R2": "AXR"})
    assert inventory.encode(["R2", "AXR", "T"]) == b"\x00\x00\x01"


@pytest.mark.parametrize(
    ("symbols", "arguments", "message"),
    [
        ([], {}, "at least one symbol"),
        ([str(n) for n in range(65)], {}, r"65 symbols, the first too many is '64': an inventory holds at most 64"),
        (["P", ""], {}, "symbol 1 is empty"),
        (["P", "B", "P"], {}, r"symbol 'P' appears twice, as number 0 and 2"),
        (["P"], {"wildcard": "?"}, r"the wildcard '\?' is not one of the symbols"),
        (["P"], {"aliases": {"P": "P"}}, r"alias 'P' is a symbol of the inventory already"),
        (["P"], {"aliases": {"B": "D"}}, r"alias 'B' stands for 'D', which is no symbol"),
        (["P"], {"aliases": {"B": "D", "D": "B"}}, r"aliases go round in a circle: B -> D -> B"),
    ],
)
def test_bad_inventories_are_refused(symbols: list[str], arguments: dict[str, object], message: str) -> None:
    with pytest.raises(AlignerError, match=message):
        Inventory(symbols, **arguments)  # type: ignore[arg-type]


def test_64_symbols_are_not_too_many() -> None:
    inventory = Inventory([str(n) for n in range(64)])
    assert inventory.encode(["63"]) == b"\x3f"
