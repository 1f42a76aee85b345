"""Ogg's pages (RFC 3533): where the links of a chained stream begin and end, and whether all of them are there.

libsndfile hears the first link alone, takes the end of the file for the end of the stream, and passes over damaged
pages.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from streamproc.errors import ErrorCode, StreamprocError

MARK = b"OggS"

MAX_LINKS = 100
"""Opening a decoder for each of many tiny links would cost much: nobody pauses a recording so often."""

_HEAD = struct.Struct("<4sBBqIIIB")
"""Mark, version, flags, granule position, serial number, sequence number, checksum, segments."""
_CHECKSUM = slice(22, 26)
_FIRST, _LAST = 2, 4

_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    begin: int
    end: int
    flags: int
    serial: int
    sequence: int


def links(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Where each link of a chained stream begins and ends; one link, for most.

    Raises:
        StreamprocError: AUDIO_TRUNCATED where the last page is missing; AUDIO_UNREADABLE where a page is damaged or
            missing, where streams lie side by side, or where there are more than MAX_LINKS.
    """
    begin, found = 0, 0
    last: _Page | None = None
    for page in _pages(encoded):
        if last is None or last.flags & _LAST:
            if last is not None:
                yield begin, last.end
            if not page.flags & _FIRST:
                raise _unreadable("does not begin with a stream's first page")
            begin, found = page.begin, found + 1
            if found > MAX_LINKS:
                raise _unreadable(f"has more than {MAX_LINKS} links")
        elif page.flags & _FIRST or page.serial != last.serial:
            # Either streams side by side, or a link that was cut off before the next.
            raise _unreadable("has a stream that begins before the one before it has ended")
        elif page.sequence != (last.sequence + 1) % 2**32:
            raise _unreadable("lacks pages")
        last = page
    if last is None or not last.flags & _LAST:
        raise _truncated()
    yield begin, last.end


def _pages(encoded: bytes) -> Iterator[_Page]:
    place = 0
    while place < len(encoded):
        if len(encoded) - place < _HEAD.size:
            raise _truncated()
        mark, version, flags, _, serial, sequence, checksum, segments = _HEAD.unpack_from(encoded, place)
        if mark != MARK or version:
            raise _unreadable("has something else between its pages")
        body = place + _HEAD.size + segments
        end = body + sum(encoded[place + _HEAD.size : body])
        if end > len(encoded):
            raise _truncated()
        page = bytearray(encoded[place:end])
        page[_CHECKSUM] = bytes(4)
        if _crc(page) != checksum:
            raise _unreadable("has a damaged page")
        yield _Page(place, end, flags, serial, sequence)
        if flags & _LAST and (len(encoded) - end < _HEAD.size or not encoded[end:].strip(b"\0")):
            return  # too short for a page, a line's end for one, or padding
        place = end


def _crc(page: bytearray) -> int:
    """Ogg's checksum: zlib's polynomial, with the bits in the other order, from 0 on and not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRROR), "big")


def _truncated() -> StreamprocError:
    return StreamprocError(ErrorCode.AUDIO_TRUNCATED, "the Ogg stream ends before its last page")


def _unreadable(reason: str) -> StreamprocError:
    return StreamprocError(ErrorCode.AUDIO_UNREADABLE, f"the Ogg stream {reason}")
