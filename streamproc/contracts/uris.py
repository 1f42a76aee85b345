"""What the URI of a claim check must look like, whoever reads it, and the plain names of what lies behind it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

LONGEST = 8_192
"""Characters of a URI: more than any object store signs. It bounds the work on one."""

_DEEPEST = 3
"""How often a name may be escaped; a name that is escaped once more is nobody's name, but somebody's trick."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def problem_of(uri: str) -> str | None:
    """What is wrong with a URI, or None. Never quotes it: it may name a learner."""
    if len(uri) > LONGEST:
        return f"is longer than {LONGEST} characters"
    try:
        uri.encode()  # a lone surrogate is no text
        parts = urlsplit(uri)
        parts.port  # noqa: B018 (out of range, it raises)
    except ValueError:
        return "is no URI"
    if not parts.scheme or not uri.startswith(f"{parts.scheme}://"):
        return "does not begin with a scheme in small letters, such as https://"
    if _CONTROL.search(uri):
        return "holds control characters"
    return None


def segments(path: str) -> list[str]:
    """The parts of an object's path below its prefix, unescaped.

    Raises:
        ValueError: it is empty, or some server could take it for the path of another object: it climbs, has empty
            parts, backslashes, path parameters in the place of a part (``..;/``), control characters, or is no UTF-8,
            however it is escaped.
    """
    decoded = path
    for _ in range(_DEEPEST):
        parts = decoded.split("/")
        if "\\" in decoded or _CONTROL.search(decoded) or any(part.split(";")[0] in ("", ".", "..") for part in parts):
            raise ValueError("not a plain path")
        before, decoded = decoded, unquote(decoded, errors="strict")
        if decoded == before:
            return unquote(path).split("/")
    raise ValueError("escaped too often")
