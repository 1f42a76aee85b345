"""Recordings, to be heard in the local mode: a phrase's clip as the model heard it, 16 kHz and mono."""

from __future__ import annotations

import asyncio
import io

import soundfile

from streamproc.audio.decode import SAMPLE_RATE, decode_clip
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.registry import Registry
from streamproc.kafka.places import Position
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings


def recording(settings: Settings, place: Position, phrase: int) -> bytes | None:
    """The clip of a phrase of the activity at this place, as a WAV file; None: there is no such phrase. It blocks.

    Raises:
        StreamprocError: as the worker would meet it with this activity.
    """
    topic = settings.kafka.activity_topic
    with TopicReader(settings) as reader:
        message = reader.record_at(topic, place.partition, place.offset)
    value = None if message is None else message.value()
    if value is None:
        return None
    encoded = asyncio.run(_fetch(settings, topic, bytes(value), phrase))
    if encoded is None:
        return None
    wav = io.BytesIO()
    samples = decode_clip(encoded, settings.audio.max_seconds)
    soundfile.write(wav, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return wav.getvalue()


async def _fetch(settings: Settings, topic: str, value: bytes, phrase: int) -> bytes | None:
    registry = Registry(settings.registry)
    clips = ClipFetcher(settings.audio.allowed_prefixes, settings.audio.max_bytes)
    try:
        activity = await ActivityDecoder(registry, topic).decode(value)
        for one in activity.phrases:
            if one.index == phrase:
                return await clips.fetch(one.audio)
        return None
    finally:
        await clips.close()
        await registry.close()
