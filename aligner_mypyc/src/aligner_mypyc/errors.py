"""The aligner's one error: bad symbols, costs, files or sizes, with the entry at fault in the message."""

from __future__ import annotations


class AlignerError(ValueError):
    """What was given cannot be aligned with; the message names the entry (symbol, pair, position, file entry)."""


class UnknownSymbolWarning(UserWarning):
    """A symbol outside of the inventory was passed over; the message names it and its place."""
