"""Symbols and their codes: what is aligned is bytes, one code a symbol."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Final

from .errors import AlignerError, UnknownSymbolWarning

MAX_SYMBOLS: Final = 64
"""Codes lie below this: the tables of matches and costs have one column a code."""


class Inventory:
    """The set of symbols that sequences are written in: symbol number ``i`` has code ``i``.

    ``wildcard`` names the member that stands for symbols outside of the set; without it such a symbol is an error.
    ``aliases`` gives other names of members (alias -> symbol, perhaps over another alias).
    """

    def __init__(
        self, symbols: Sequence[str], wildcard: str | None = None, aliases: Mapping[str, str] | None = None
    ) -> None:
        """Raises AlignerError: no symbol, more than 64, an empty or repeated one, a bad wildcard or alias."""
        self.symbols: Final[tuple[str, ...]] = tuple(symbols)
        self.wildcard: Final[str | None] = wildcard
        if not self.symbols:
            raise AlignerError("an inventory needs at least one symbol")
        if len(self.symbols) > MAX_SYMBOLS:
            raise AlignerError(
                f"{len(self.symbols)} symbols, the first too many is {self.symbols[MAX_SYMBOLS]!r}: "
                f"an inventory holds at most {MAX_SYMBOLS}"
            )
        codes: dict[str, int] = {}
        for code, symbol in enumerate(self.symbols):
            if not symbol:
                raise AlignerError(f"symbol {code} is empty")
            if symbol in codes:
                raise AlignerError(f"symbol {symbol!r} appears twice, as number {codes[symbol]} and {code}")
            codes[symbol] = code
        if wildcard is not None and wildcard not in codes:
            raise AlignerError(f"the wildcard {wildcard!r} is not one of the symbols")
        if aliases is not None:
            for alias in aliases:
                if alias in self.symbols:
                    raise AlignerError(f"alias {alias!r} is a symbol of the inventory already")
                codes[alias] = _resolve(alias, aliases, self.symbols)
        self._codes: Final[dict[str, int]] = codes
        self._wildcard_code: Final[int] = -1 if wildcard is None else codes[wildcard]

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._codes

    def code(self, symbol: str) -> int:
        """The code of one symbol or alias. Raises AlignerError for an unknown one, unless there is a wildcard."""
        code = self._codes.get(symbol, self._wildcard_code)
        if code < 0:
            raise AlignerError(f"unknown symbol {symbol!r}")
        return code

    def encode(self, symbols: Sequence[str], strict: bool = True) -> bytes:
        """One byte a symbol.

        A symbol outside of the inventory becomes its wildcard. Where there is none, it is an AlignerError naming it and
        its place; or, unless ``strict``, it is passed over with an UnknownSymbolWarning that names them.
        """
        codes = bytearray(len(symbols))
        known = self._codes
        count = 0
        for place, symbol in enumerate(symbols):
            code = known.get(symbol, self._wildcard_code)
            if code < 0:
                problem = f"unknown symbol {symbol!r} at position {place}"
                if strict:
                    raise AlignerError(problem)
                warnings.warn(f"{problem} is passed over", UnknownSymbolWarning, stacklevel=2)
                continue
            codes[count] = code
            count += 1
        return bytes(codes[:count])

    def decode(self, codes: bytes) -> list[str]:
        """The symbols of the codes. Raises AlignerError naming a code outside of the inventory and its place."""
        self.check(codes)
        return [self.symbols[code] for code in codes]

    def check(self, codes: bytes) -> None:
        """Raise AlignerError when a byte is no code of this inventory."""
        size = len(self.symbols)
        for place, code in enumerate(codes):
            if code >= size:
                raise AlignerError(f"code {code} at position {place} is outside the inventory of {size} symbols")


def _resolve(alias: str, aliases: Mapping[str, str], symbols: tuple[str, ...]) -> int:
    """The code that an alias stands for, over any number of other aliases."""
    seen = [alias]
    name = aliases[alias]
    while name not in symbols:
        if name in seen:
            raise AlignerError("aliases go round in a circle: " + " -> ".join([*seen, name]))
        if name not in aliases:
            raise AlignerError(f"alias {alias!r} stands for {name!r}, which is no symbol of the inventory")
        seen.append(name)
        name = aliases[name]
    return symbols.index(name)
