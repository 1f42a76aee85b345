"""A record's headers, read safely: confluent-kafka fails on a name that is not UTF-8, and leaves a trap behind."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable
from operator import methodcaller
from typing import Any

Headers = list[tuple[str, bytes | None]]

#: What stands for a name that the binding does not tell: no UTF-8 has this byte.
_UNTOLD = b"\xff"
#: Called in this way the interpreter looks whether the binding has left an error behind; a plain call that it has
#: optimised (PEP 659) goes on, and the error comes up in whatever is called next.
_ask = methodcaller("headers")
_SURROGATE = re.compile("[\ud800-\udfff]")


def headers_of(record: Any) -> Headers | None:
    """The headers of a record that confluent-kafka has read, in order; None: it has none.

    The bytes of a name that are not UTF-8 come as lone surrogates (PEP 383, as Python reads file names): nothing is
    lost, ``unreadable`` finds them, ``shown`` makes text of them, and no send takes them. Of several such names in one
    record the binding tells only the first; the others are read as the single byte 0xFF. The values are all there.
    """
    try:
        headers: Headers | None = _ask(record)
    except (SystemError, UnicodeDecodeError) as error:
        headers = _rescue(record, error)
        record.set_headers(headers)
    return headers


def shown_headers_of(record: Any) -> Headers:
    """The same, with names that can be shown and sent."""
    headers = headers_of(record) or []
    return [(shown(name), value) for name, value in headers] if unreadable(headers) else headers


def unreadable(headers: Iterable[tuple[str, Any]]) -> bool:
    """Whether a name among these headers is not UTF-8."""
    return any(not name.isascii() and _SURROGATE.search(name) is not None for name, _ in headers)


def shown(name: str) -> str:
    r"""A header's name as text that can be shown and sent: bytes that are not UTF-8 become ``\xff``."""
    return name if name.isascii() else name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _rescue(record: Any, error: BaseException) -> Headers:
    # The binding (2.16) has made the list nevertheless, and a second call answers it. Where a name is not UTF-8, its
    # pair has a hole: to look at that would crash the process. The garbage collector's way of looking passes over it.
    told = _told(error)
    rescued: Headers = []
    for pair in _ask(record):
        name = next((part for part in gc.get_referents(pair) if isinstance(part, str)), None)
        if name is None:
            name, told = told.decode(errors="surrogateescape"), _UNTOLD
        rescued.append((name, pair[1]))
    return rescued


def _told(error: BaseException | None) -> bytes:
    """The name that the binding failed on first."""
    while error is not None:
        if isinstance(error, UnicodeDecodeError):
            return error.object
        error = error.__cause__
    return _UNTOLD
