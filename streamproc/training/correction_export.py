"""Collects what teachers have corrected: corrections, the results that they overrule, the recordings of these."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.codec import ActivityDecoder, CorrectionDecoder, ResultDecoder
from streamproc.contracts.generated.events import Activity, Result
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.kafka.places import Place, read_place
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.training.corrected import Folder, by_result, labelled
from streamproc.transport.headers import headers_of

T = TypeVar("T")


@dataclass(slots=True)
class Exported:
    """What an export has written: clips; and what it left out, by why.

    result: the result is not in its topic any more. recording: the activity or its clip is not there any more.
    unjudged: a word of the phrase has no verdict. unreadable: a correction that no worker could read either. no_word:
    one of a word that its result does not have, which workers refuse too.
    """

    clips: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def export(settings: Settings, folder: Path) -> Exported:
    """Write all that is there to ``folder``. Blocks.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, TOPIC_MISSING, REGISTRY_UNAVAILABLE; of audio, what is transient.
        OSError: the folder cannot be written.
    """
    return asyncio.run(_export(settings, folder))


async def _export(settings: Settings, folder: Path) -> Exported:
    done = Exported()
    registry = Registry(settings.registry)
    clips = ClipFetcher(settings.audio.allowed_prefixes, settings.audio.max_bytes)
    target = Folder(folder, secrets.token_bytes(16))
    try:
        with TopicReader(settings) as reader:
            corrected = by_result(await _corrections(settings, reader, registry, done))
            results = await _results(settings, reader, registry, set(corrected))
            done.left_out["result"] = len(corrected.keys() - results.keys())
            decoder = ActivityDecoder(registry, settings.kafka.activity_topic)
            for result_id, result in results.items():
                phrases = list(labelled(result, corrected[result_id], done.left_out))
                activity = await _activity(reader, decoder, read_place(result_id)) if phrases else None
                for phrase in phrases:
                    audio = None if activity is None else await _clip(clips, activity, phrase.index)
                    if audio is None:
                        done.left_out["recording"] += 1
                    else:
                        target.add(result, phrase, audio)
    finally:
        await clips.close()
        await registry.close()
    done.clips = target.finish()
    done.left_out = +done.left_out
    return done


async def _corrections(
    settings: Settings, reader: TopicReader, registry: Registry, done: Exported
) -> Iterable[Correction]:
    decoder = CorrectionDecoder(registry, settings.progress.correction_topic)
    found = []
    for batch in reader.read_all(settings.progress.correction_topic):
        for message in batch:
            correction = await _unless_poison(decoder.decode(message.value()))
            if correction is None:
                done.left_out["unreadable"] += 1
            else:
                found.append(correction)
    return found


async def _results(settings: Settings, reader: TopicReader, registry: Registry, wanted: set[str]) -> dict[str, Result]:
    """By their ids; those of major version 1."""
    topic = settings.kafka.result_topic
    decoder = ResultDecoder(registry, topic, V1)
    found = {}
    for batch in reader.read_all(topic):
        for message in batch:
            named = next((value for name, value in headers_of(message) or () if name == "ce_id"), None) or b""
            if (name := named.decode(errors="replace")) in wanted:
                found[name] = await decoder.decode(message.value())
    return found


async def _activity(reader: TopicReader, decoder: ActivityDecoder, place: Place | None) -> Activity | None:
    message = None if place is None else reader.record_at(*place)
    return None if message is None else await _unless_poison(decoder.decode(message.value()))


async def _clip(clips: ClipFetcher, activity: Activity, index: int) -> bytes | None:
    phrase = next((one for one in activity.phrases if one.index == index), None)
    return None if phrase is None else await _unless_poison(clips.fetch(phrase.audio))


async def _unless_poison(read: Awaitable[T]) -> T | None:
    """None: it can never be read."""
    try:
        return await read
    except StreamprocError as error:
        if error.code.error_class is not ErrorClass.POISON:
            raise
        return None
