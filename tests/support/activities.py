"""Activities to publish: good ones, and ways to break them."""

from __future__ import annotations

import functools
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import soundfile
import soxr

from streamproc.contracts import files, wire
from streamproc.contracts.generated.conversions import activity_to_avro, result_from_avro
from streamproc.contracts.generated.events import Activity, Audio, Phrase, Result

CHILD = "learner-7f3a"
"""A pseudonym that must not be in any log."""

TEXT = "Milo the mole had a lantern."
"""A text that must not be in any log: what `reading` reads."""

_SCHEMA = fastavro.parse_schema(files.newest(files.ACTIVITY).schema)
_RESULT_SCHEMA = fastavro.parse_schema(files.newest(files.RESULT).schema)
_READING = Path(__file__).parents[1] / "golden/phonemes/clip.flac"
_TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def clip(seconds: float = 1.0, rate: int = 16_000, container: str = "WAV", channels: int = 1) -> bytes:
    """A clip of quiet noise, for whoever does not ask what is heard: the phrase is not judged, its outcome comes."""
    noise = np.random.default_rng(1).normal(0, 0.05, (int(seconds * rate), channels))
    return encode(noise, rate, container)


def reading(rate: int = 16_000, container: str = "WAV", channels: int = 1, share: slice = slice(None)) -> bytes:
    """A clip of somebody who reads TEXT, 2.15 s; ``share``: which of its samples, at 16 kHz."""
    samples, recorded = soundfile.read(_READING, dtype="float32")
    resampled = soxr.resample(samples[share], recorded, rate)
    return encode(np.tile(resampled[:, None], channels), rate, container)


def encode(samples: Any, rate: int, container: str = "WAV", subtype: str | None = None) -> bytes:
    """Samples (frames × channels) as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def inline(data: bytes | None = None) -> Audio:
    """Audio within the event: TEXT is read, if nothing else is given."""
    return Audio(data=_small_reading() if data is None else data, sample_rate=16_000)


@functools.cache
def _small_reading() -> bytes:
    """Small enough for many in one activity."""
    return reading(container="OGG")


def behind(uri: str) -> Audio:
    """Audio behind a URI."""
    return Audio(uri=uri, sample_rate=16_000)


def phrase(audio: Audio | None = None, text: str = TEXT, index: int = 0) -> Phrase:
    """One phrase."""
    return Phrase(index=index, expected_text=text, audio=inline() if audio is None else audio)


def activity(*phrases: Phrase, activity_id: str = "reading-1", learner_id: str = CHILD) -> Activity:
    """An activity with these phrases."""
    return Activity(
        activity_id=activity_id,
        learner_id=learner_id,
        tenant_id="school-1",
        started_at=_TIME,
        submitted_at=_TIME,
        locale="en-US",
        story_id="story-1",
        phrases=phrases,
    )


def value(event: Activity, schema_id: int) -> bytes:
    """The activity in Confluent's wire format, written with the newest schema."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, _SCHEMA, activity_to_avro(event))
    return wire.header(schema_id) + body.getvalue()


def result(written: bytes) -> Result:
    """A result that was written with the newest schema."""
    datum: Any = fastavro.schemaless_reader(io.BytesIO(written[wire.HEADER.size :]), _RESULT_SCHEMA, None)
    return result_from_avro(datum)
