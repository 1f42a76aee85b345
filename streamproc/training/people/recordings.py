"""Which recordings a model was judged on: figures of others cannot be compared with these."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from streamproc.training.people.clips import PersonClip


def recordings_sha256(clips: Sequence[PersonClip]) -> str:
    """Of the texts, the experts' marks and the samples of clips that can be read, in any order."""
    return hashlib.sha256(b"".join(sorted(_digest(clip) for clip in clips))).hexdigest()


def _digest(clip: PersonClip) -> bytes:
    marks = [(word.text, word.marks) for word in clip.words]
    written = repr((clip.speaker, clip.age, clip.condition, clip.text, marks)).encode()
    return hashlib.sha256(hashlib.sha256(written).digest() + clip.audio().tobytes()).digest()
