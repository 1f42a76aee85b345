"""RIFF's sizes: what the header of a WAV promises, and what is there.

libsndfile reads as many samples as there are, and none where the size is 0. Who writes a WAV into a pipe cannot go back
to write its size: it stays 0, or the largest that there is.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from streamproc.errors import ErrorCode, StreamprocError

MARKS = (b"RIFF", b"RIFX", b"RF64")

UNKNOWN_FROM = 0x7FFF_0000
"""Sizes from here on stand for "not known": no clip is so large. sox writes 0x7FFFF000, ffmpeg 0xFFFFFFFF."""

MAX_CHUNKS = 1000
"""Recorders write about five."""

_RIFF_HEAD, _CHUNK_HEAD = 12, 8


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    begin: int
    """Of its content."""
    size: int
    """As its head says."""

    @property
    def end(self) -> int:
        """Where the next one begins: contents of an odd size are followed by a byte of nothing."""
        return self.begin + self.size + self.size % 2


def checked(encoded: bytes) -> BinaryIO:
    """The file for libsndfile, with the size of its samples written in where its writer could not know it.

    Raises:
        StreamprocError: AUDIO_TRUNCATED where samples are missing; AUDIO_UNREADABLE where a second recording follows.
    """
    order = ">" if encoded.startswith(b"RIFX") else "<"
    chunks = list(_chunks(encoded, _RIFF_HEAD, order))
    data = next((chunk for chunk in chunks if chunk.name == b"data"), None)
    if data is None:
        return io.BytesIO(encoded)  # libsndfile says what it lacks
    size = _size64(encoded, chunks) if encoded.startswith(b"RF64") and data.size == 0xFFFF_FFFF else data.size
    there = len(encoded) - data.begin
    if not size and not _fits(encoded, data.begin, order):
        size = UNKNOWN_FROM
    if size >= UNKNOWN_FROM:
        return _with_size(encoded, data, there, order)
    if size > there:
        raise StreamprocError(
            ErrorCode.AUDIO_TRUNCATED, f"the WAV has {there} of the {size} bytes of samples that it promises"
        )
    rest = encoded[data.begin + size + size % 2 :]
    if rest.startswith(MARKS) or any(chunk.name == b"data" for chunk in _chunks(rest, 0, order)):
        raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, "there are several recordings, one behind the other")
    return io.BytesIO(encoded)


def _chunks(encoded: bytes, place: int, order: str) -> Iterator[_Chunk]:
    """The heads of chunks from ``place`` on; the content of the last one may be cut off.

    They end where the padding begins that some recorders write behind the last one.
    """
    found = 0
    while place + _CHUNK_HEAD <= len(encoded):
        found += 1
        if found > MAX_CHUNKS:
            raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, f"the WAV has more than {MAX_CHUNKS} chunks")
        name, size = struct.unpack_from(f"{order}4sI", encoded, place)
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return
        chunk = _Chunk(name, place + _CHUNK_HEAD, size)
        yield chunk
        place = chunk.end


def _fits(encoded: bytes, place: int, order: str) -> bool:
    """Whether what is at ``place`` is chunks, up to the end of the file: then the data before it is truly empty."""
    for chunk in _chunks(encoded, place, order):
        if chunk.end > len(encoded) + 1:
            return False
        place = chunk.end
    return place >= len(encoded)


def _size64(encoded: bytes, chunks: list[_Chunk]) -> int:
    """The size of the samples in an RF64's ds64 chunk: RIFF's size, 8 bytes, stands before it."""
    ds64 = next((chunk for chunk in chunks if chunk.name == b"ds64"), None)
    if ds64 is None or ds64.begin + 16 > len(encoded):
        return UNKNOWN_FROM
    size: int = struct.unpack_from("<Q", encoded, ds64.begin + 8)[0]
    return size


def _with_size(encoded: bytes, data: _Chunk, size: int, order: str) -> BinaryIO:
    file = io.BytesIO(encoded)
    # An RF64 that is no larger than this is a RIFF whose ds64 chunk says nothing.
    file.write(b"RIFF" if encoded.startswith(b"RF64") else encoded[:4])
    file.write(struct.pack(f"{order}I", len(encoded) - 8))
    file.seek(data.begin - 4)
    file.write(struct.pack(f"{order}I", size))
    file.seek(0)
    return file
