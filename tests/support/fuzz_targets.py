"""What is fuzzed: each target takes any bytes and raises only what it may."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from streamproc.audio.decode import SAMPLE_RATE, decode_clip
from streamproc.contracts import files, wire, writers
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.generated.events import Activity
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.settings import RegistrySettings
from support.activities import activity, behind, clip, inline, phrase, value

MAX_SECONDS = 2.0
NOWHERE = RegistrySettings(url="http://127.0.0.1:1", timeout=0.1)
"""No registry is asked: every version of the schema is known."""


def seeds() -> list[bytes]:
    """Good values: what mutations begin with."""
    short = clip(0.2, container="FLAC")
    events = [
        activity(phrase(inline(short))),
        activity(phrase(inline(clip(0.2)), index=0), phrase(inline(clip(0.2, container="OGG")), index=1)),
        activity(phrase(behind("file:///clips/a.wav"))),
        activity(),
    ]
    return [value(event, versions()[-1]) for event in events]


def versions() -> list[int]:
    """The schema ids that are known: the version numbers."""
    return [file.version for file in files.versions(files.ACTIVITY)]


class Target:
    """The event decoder with every version of the schema in its cache."""

    def __init__(self) -> None:
        self._decoder = ActivityDecoder(Registry(NOWHERE), "reading.activity.v1")
        known: Any = self._decoder._schemas._known
        for file in files.versions(files.ACTIVITY):
            known[file.version] = writers.parse(str(file.path), file.text)

    def decode(self, content: bytes) -> Activity | None:
        """An activity, or None for poison. Anything else is a bug and raises."""
        if len(content) >= wire.HEADER.size and wire.HEADER.unpack_from(content)[1] not in versions():
            # Only a registry could tell what such an id stands for.
            content = wire.header(versions()[-1]) + content[wire.HEADER.size :]
        try:
            event = asyncio.run(self._decoder.decode(content))
        except StreamprocError as error:
            _check(error)
            return None
        assert isinstance(event, Activity)
        return event


def load_clip(content: bytes) -> int | None:
    """How many samples the clip has, or None for poison. Anything else is a bug and raises."""
    try:
        samples = decode_clip(content, MAX_SECONDS)
    except StreamprocError as error:
        _check(error)
        return None
    assert samples.ndim == 1
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert 0 < len(samples) <= (MAX_SECONDS + 0.1) * SAMPLE_RATE
    return len(samples)


def _check(error: StreamprocError) -> None:
    if error.code.error_class is not ErrorClass.POISON:
        raise AssertionError(f"{error.code} is not the content's fault")
