"""What of an error's message may leave the worker: no secret, no pseudonym, no recording, and not without end."""

from __future__ import annotations

import re

MESSAGE_LIMIT = 500
"""Characters of a message that are kept."""

_URI = re.compile(r"\b([a-z][a-z0-9+.-]*)://(?:[^\s/@]*@)?([^\s/'\",;)]*)(/[^\s'\",;)]*)?", re.IGNORECASE)
_ENCODED = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def redact(message: str) -> str:
    """The message on one line, at most MESSAGE_LIMIT characters.

    URIs lose credentials and path (a claim check may hold a learner's pseudonym), runs that look like encoded bytes
    or tokens become "…". What the event itself says must not be in a message in the first place: see
    ``StreamprocError``.
    """
    text = _SPACE.sub(" ", message).strip()
    text = _URI.sub(lambda found: f"{found[1]}://{found[2]}{'/…' if found[3] else ''}", text)
    text = _ENCODED.sub("…", text)
    return text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 1]}…"
