"""What the exporters by OTLP have in common: how long they may take, and what is said where they are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamproc.errors import ErrorCode, StreamprocError

TIMEOUT_S = 5.0
"""For one sending, the exporter's own attempts together."""
LAST_S = 2.0
"""A worker that stops waits so long for its last numbers, and as long for its last spans, to be sent."""


@contextmanager
def exporter_for(setting: str) -> Iterator[None]:
    """An exporter is imported inside the block, which this setting asks for.

    Raises:
        StreamprocError: SETTINGS_INVALID, where it is not installed.
    """
    try:
        yield
    except ImportError:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID,
            f"{setting}: the exporter is not installed: pip install 'streamproc[otlp]'",
        ) from None
