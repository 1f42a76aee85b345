"""What libsndfile does not look at in a container: whether the sizes that it promises are there, and what comes after.

A clip that was cut off in its upload must not be scored as if the child had stopped to read, and nothing that is in a
clip may go unheard.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from streamproc.audio import ogg, wav
from streamproc.errors import ErrorCode, StreamprocError

_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
"""The beginning of a FLAC stream: its mark and the head of STREAMINFO, 34 bytes long."""


def recordings(encoded: bytes) -> Iterator[BinaryIO]:
    """The recordings in a clip, one after the other, each a file for libsndfile. Formats are not judged here.

    Raises:
        StreamprocError: AUDIO_TRUNCATED or AUDIO_UNREADABLE.
    """
    if encoded.startswith(ogg.MARK):
        for begin, end in ogg.links(encoded):
            yield io.BytesIO(encoded if end - begin == len(encoded) else encoded[begin:end])
    elif encoded[:4] in wav.MARKS:
        yield wav.checked(encoded)
    else:
        # RIFF's own sizes tell where it ends; libFLAC stops where the first stream's header says.
        first = _FLAC.search(encoded)
        if first is not None and _FLAC.search(encoded, first.end()) is not None:
            raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, "there are several FLAC files, one behind the other")
        yield io.BytesIO(encoded)
