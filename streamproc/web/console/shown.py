"""Text of events as a page may show it."""

from __future__ import annotations

from typing import Any

_JOINERS = "\u200c\u200d"
"""Persian, Hindi and others are misspelt without these; they turn nothing round and hide nothing."""


def shown(text: str) -> str:
    """Text from outside: right-to-left letters stay, and what is no visible character is written as its escape.

    A browser runs none of it, as it is set as text; but bidirectional controls would make a word look like another.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in _JOINERS else one.encode("unicode_escape").decode() for one in text
    )


def shown_all(datum: Any) -> Any:
    """JSON values with every text, names of fields included, as ``shown``."""
    if isinstance(datum, str):
        return shown(datum)
    if isinstance(datum, dict):
        return {shown(str(name)): shown_all(value) for name, value in datum.items()}
    if isinstance(datum, list | tuple):
        return [shown_all(value) for value in datum]
    return datum
