"""One short name for a thousand failures with the same cause."""

from __future__ import annotations

import hashlib
import re
import traceback
from pathlib import PurePath

from streamproc.deadletter.redaction import redact
from streamproc.errors import ErrorCode, StreamprocError

_LENGTH = 12
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def fingerprint(code: ErrorCode, error: BaseException) -> str:
    """Twelve hexadecimal digits, the same for the same cause in every worker.

    A failure that the taxonomy names is its code and its message without the numbers in it, which say how far and not
    why: one code may have several causes. An UNEXPECTED one is its exception's type and its stack: the file's name and
    the function of each frame, without line numbers, so that an unrelated edit keeps the name. (The idea of Sentry's
    grouping, by message and by stack trace.)
    """
    parts = [code.name]
    if isinstance(error, StreamprocError):
        parts.append(_NUMBER.sub("#", redact(error.message)))
    else:
        parts.append(f"{type(error).__module__}.{type(error).__qualname__}")
        frames = traceback.extract_tb(error.__traceback__)
        parts += [f"{PurePath(frame.filename).name}:{frame.name}" for frame in frames]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_LENGTH]
