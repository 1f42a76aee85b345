"""The dead letter: the original record byte for byte, and headers that say what went wrong.

The header names follow CloudEvents' and Kafka Connect's habit of a common prefix; values are UTF-8 text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from streamproc import __version__
from streamproc.contracts.events import SourcePosition
from streamproc.errors import StreamprocError

PREFIX = "streamproc.error."

Headers = list[tuple[str, bytes]]


def error_headers(
    original: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None, source: SourcePosition, error: StreamprocError
) -> Headers:
    """The letter's headers: the original ones untouched, then the error's."""
    kept = original.items() if isinstance(original, Mapping) else original or ()
    return [*kept, *((PREFIX + name, value.encode()) for name, value in _fields(source, error).items())]


def _fields(source: SourcePosition, error: StreamprocError) -> dict[str, str]:
    return {
        "code": error.code.name,
        "stage": error.code.stage.value,
        "class": error.code.error_class.value,
        "message": error.message,
        "source.topic": source.topic,
        "source.partition": str(source.partition),
        "source.offset": str(source.offset),
        "worker.version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
