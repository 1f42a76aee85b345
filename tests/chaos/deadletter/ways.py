"""Twenty ways for an activity to be bad, each of which can be mended without changing the activity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support import faults
from support.activities import activity, behind, clip, encode, inline, phrase
from support.object_store import ObjectStore

from streamproc.contracts.generated.events import Activity, Audio
from streamproc.errors import ErrorCode

SHORT = 0.2
"""Seconds of a good clip: enough to be scored."""

LIMITS = {"STREAMPROC_SCORING__MAX_PHRASES": "3", "STREAMPROC_SCORING__MAX_PHONEMES": "40"}
LIMITS |= {"STREAMPROC_AUDIO__MAX_INLINE_BYTES": "200000"}
"""A worker's wrong settings; without them it has the right ones."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way: the code, the activity with an id, and what mends the cause (nothing: the right settings do)."""

    code: ErrorCode
    make: Callable[[str], Activity]
    mend: Callable[[], object] = lambda: None


def good(activity_id: str) -> Activity:
    """An activity that is scored."""
    return activity(phrase(inline(clip(SHORT, container="FLAC")), "cat"), activity_id=activity_id, learner_id="x")


def ways(folder: Path, store: ObjectStore) -> dict[str, Way]:
    """All of them; clips and models lie in ``folder``."""
    clips = folder / "clips"
    right = clip(SHORT)

    def of(code: ErrorCode, audio: Audio, mend: Callable[[], object] = lambda: None, text: str = "cat") -> Way:
        return Way(code, lambda activity_id: activity(phrase(audio, text), activity_id=activity_id), mend)

    def file(code: ErrorCode, name: str, content: bytes | None) -> Way:
        path = clips / f"{name}.wav"
        if content is not None:
            path.write_bytes(content)
        return of(code, behind(path.as_uri()), lambda: path.write_bytes(right))

    def answer(code: ErrorCode, status: int) -> Way:
        path = f"/clips/{status}.wav"
        store.objects[path] = right
        store.status[path] = status
        return of(code, behind(store.address + path), lambda: store.status.pop(path))

    outside = folder / "new-clips"
    outside.mkdir()
    (outside / "a.wav").write_bytes(right)
    mended, fixed = faults.mended_file(folder), folder / "fixed"
    many = tuple(phrase(inline(right), "cat", index) for index in range(4))
    return {
        "not there": file(ErrorCode.AUDIO_NOT_FOUND, "not-there", None),
        "gone": answer(ErrorCode.AUDIO_NOT_FOUND, 410),
        "bad request": answer(ErrorCode.AUDIO_NOT_FOUND, 400),
        "forbidden": answer(ErrorCode.AUDIO_FORBIDDEN, 403),
        "unauthenticated": answer(ErrorCode.AUDIO_FORBIDDEN, 401),
        "text": file(ErrorCode.AUDIO_UNREADABLE, "text", b"this is no audio"),
        "damaged": file(ErrorCode.AUDIO_UNREADABLE, "damaged", right[60:]),
        "container": file(ErrorCode.AUDIO_UNREADABLE, "aiff", encode(np.zeros((8000, 1)), 8000, "AIFF")),
        "no numbers": file(
            ErrorCode.AUDIO_UNREADABLE, "nan", encode(np.full((8000, 1), np.nan, np.float32), 16_000, "WAV", "FLOAT")
        ),
        "no bytes": file(ErrorCode.AUDIO_EMPTY, "empty", b""),
        "no samples": file(ErrorCode.AUDIO_EMPTY, "header", clip(0.0)),
        "too short": file(ErrorCode.AUDIO_TOO_SHORT, "short", clip(0.05)),
        "too long": file(ErrorCode.AUDIO_TOO_LONG, "long", encode(np.zeros(3600 * 8000, np.int16), 8000, "FLAC")),
        "too large": file(ErrorCode.AUDIO_TOO_LARGE, "large", bytes(17 << 20)),
        "low rate": file(ErrorCode.AUDIO_SAMPLE_RATE, "low", clip(rate=7_999)),
        "high rate": file(ErrorCode.AUDIO_SAMPLE_RATE, "high", clip(0.5, rate=192_000)),
        "outside": of(ErrorCode.AUDIO_URI_REFUSED, behind((outside / "a.wav").as_uri())),
        "many phrases": Way(ErrorCode.PHRASES_TOO_MANY, lambda activity_id: activity(*many, activity_id=activity_id)),
        "long text": of(ErrorCode.REFERENCE_TOO_LONG, inline(right), text="banana " * 8),
        "much inline": of(ErrorCode.AUDIO_TOO_LARGE, inline(clip(8.0))),
        "model": of(ErrorCode.INFERENCE_REFUSED, faults.marked(faults.REFUSED, SHORT), mended.touch),
        "bug": of(ErrorCode.UNEXPECTED, faults.breaking(), fixed.touch),
    }
