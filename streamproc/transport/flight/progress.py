"""How far a partition is processed: which offsets are done. Pure logic, no input or output.

Work finishes out of order, so a committed offset alone is not enough. Progress is the committed offset (the *base*:
everything below it is done) and the *unfinished* offsets between the base and the *top* (one past the highest offset
that is done). Every other offset in between is done or does not exist: transaction markers, aborted records and
compaction leave holes, and a hole needs no work. The complement is stored rather than the finished set, because
what is unfinished is bounded by what is in flight, while one slow record lets the finished set grow without bound.

The base is committed as the group's offset and the rest as that offset's metadata, in one transaction: after a
restart the records that were finished are skipped. (The idea of Confluent's parallel-consumer.)
"""

from __future__ import annotations

import base64
import binascii
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamproc.transport.flight.stream_time import StreamTime

#: Brokers refuse metadata of 4,096 characters (``offset.metadata.max.bytes``), and poison the transaction.
METADATA_LIMIT = 4000

VERSION = "s1"
_RUNS = "r"
_BITMAP = "b"
#: Neither written nor read back: more unfinished offsets, a wider bitmap, or a larger payload before compression.
#: Whatever is written must be readable, or finished records would be processed again.
_COUNT_LIMIT = 1 << 20
_PAYLOAD_LIMIT = 1 << 17
_MARK_SIZE = 24
_NO_MARK = bytes(_MARK_SIZE)


@dataclass(frozen=True, slots=True)
class Progress:
    """Offsets below ``base`` are done; so are those in [base, top), the ``unfinished`` (ascending) excepted.

    Invariant: ``unfinished`` is empty and base == top, or unfinished[0] == base and all lie in [base, top).

    ``stream``: the stream time below ``base``; None: nobody asks for it.
    """

    base: int
    top: int
    unfinished: tuple[int, ...] = ()
    stream: StreamTime | None = None

    @classmethod
    def at(cls, base: int, stream: StreamTime | None = None) -> Progress:
        """Nothing is done beyond ``base``."""
        return cls(base, base, (), stream)

    @classmethod
    def of(cls, unfinished: Sequence[int], top: int) -> Progress:
        """Everything below ``top`` is done but ``unfinished`` (ascending; entries at or beyond ``top`` are ignored)."""
        inside = tuple(unfinished[: bisect_left(unfinished, top)])
        if inside:
            return cls(inside[0], top, inside)
        return cls.at(unfinished[0] if unfinished else top)

    def is_done(self, offset: int) -> bool:
        """Whether ``offset`` needs no more work."""
        if offset >= self.top:
            return offset < self.base
        index = bisect_left(self.unfinished, offset)
        return index == len(self.unfinished) or self.unfinished[index] != offset

    def below(self, log_end: int) -> Progress:
        """The same, forgetting what lies at or beyond the log's end.

        Such records were lost with a leader's log, and their offsets will be given to others.
        """
        if self.top <= log_end:
            return self
        return replace(Progress.of(self.unfinished, log_end), stream=self.stream)


def encode(progress: Progress, mark: bytes = b"") -> str | None:
    """The offset metadata for ``progress``: at most METADATA_LIMIT characters, or None when it does not fit.

    Nothing done beyond the base and no mark is the empty string. Otherwise ``s1:<base>:<kind><base64 of zlib>``, where
    the kind is ``r``, lengths of alternating runs (unfinished first) as LEB128, or ``b``, a bit for each offset (1:
    done). The mark (24 bytes) and the stream time are appended to what zlib has closed: who knows of none sees none.
    """
    if progress.top == progress.base and not mark and progress.stream is None:
        return ""
    tail = mark if progress.stream is None else (mark or _NO_MARK) + progress.stream.encode()
    if len(progress.unfinished) > _COUNT_LIMIT:
        return None
    head = f"{VERSION}:{progress.base}:"
    for kind, payload in ((_RUNS, _runs), (_BITMAP, _bitmap)):
        data = payload(progress)
        if data is not None and len(data) <= _PAYLOAD_LIMIT:
            text = head + kind + base64.b64encode(zlib.compress(data) + tail).decode("ascii")
            if len(text) <= METADATA_LIMIT:
                return text
    return None


def decode(base: int, metadata: str | None) -> Progress:
    """The progress at committed offset ``base``.

    Metadata of another program, an unknown version, damaged, or written for another base (an operator moved the
    offset) means that nothing beyond the base is known to be done: that work is done again, which is safe.
    """
    try:
        kind, data, tail = _open(base, metadata)
        stream = StreamTime.decode(tail[_MARK_SIZE:])
        progress = {_RUNS: _from_runs, _BITMAP: _from_bitmap}[kind](base, data)
        return replace(progress, stream=stream) if progress.base == base else Progress.at(base)
    except (ValueError, KeyError):
        return Progress.at(base)


def mark_of(base: int, metadata: str | None) -> bytes:
    """The mark in the metadata of committed offset ``base``; empty: none, or metadata that ``decode`` ignores."""
    try:
        mark = _open(base, metadata)[2][:_MARK_SIZE]
    except ValueError:
        return b""
    return b"" if mark == _NO_MARK else mark


def _open(base: int, metadata: str | None) -> tuple[str, bytes, bytes]:
    """Kind, payload, and what follows it, of metadata that was written for this base.

    Raises:
        ValueError: it is none.
    """
    version, written_for, body = (metadata or "").split(":", 2)
    if version != VERSION or int(written_for) != base:
        raise ValueError("written by another program, or for another base")
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(base64.b64decode(body[1:], validate=True), _PAYLOAD_LIMIT + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError("damaged") from error
    if not inflate.eof or len(data) > _PAYLOAD_LIMIT:
        raise ValueError("damaged")
    return body[0], data, inflate.unused_data


def _runs(progress: Progress) -> bytes:
    data = bytearray()
    at = progress.base
    index = 0
    unfinished = progress.unfinished
    while index < len(unfinished):
        start = unfinished[index]
        end = start
        while index < len(unfinished) and unfinished[index] == end:
            end += 1
            index += 1
        if start > at:
            _append_varint(data, start - at)
        _append_varint(data, end - start)
        at = end
    if progress.top > at:
        _append_varint(data, progress.top - at)
    return bytes(data)


def _from_runs(base: int, data: bytes) -> Progress:
    unfinished: list[int] = []
    at = base
    value = shift = 0
    open_run = True
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte & 0x80:
            continue
        if open_run:
            if len(unfinished) + value > _COUNT_LIMIT:
                raise ValueError("more unfinished offsets than are ever written")
            unfinished.extend(range(at, at + value))
        at += value
        value = shift = 0
        open_run = not open_run
    return Progress.of(unfinished, at)


def _append_varint(data: bytearray, value: int) -> None:
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)


def _bitmap(progress: Progress) -> bytes | None:
    width = progress.top - progress.base
    if width > _PAYLOAD_LIMIT * 8:
        return None
    bits = bytearray(b"\xff" * ((width + 7) // 8))
    for offset in progress.unfinished:
        at = offset - progress.base
        bits[at >> 3] &= ~(1 << (at & 7))
    # The last byte's spare bits would read as done records beyond the top: the width is not stored, so clear them.
    if width & 7:
        bits[-1] &= (1 << (width & 7)) - 1
    return bytes(bits)


def _from_bitmap(base: int, data: bytes) -> Progress:
    width = int.from_bytes(data, "little").bit_length()
    unfinished = [base + at for at in range(width) if not data[at >> 3] >> (at & 7) & 1]
    return Progress.of(unfinished, base + width)
