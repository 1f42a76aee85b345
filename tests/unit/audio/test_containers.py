"""What is in a container is heard, all of it, or the clip is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.audio import ogg, wav
from streamproc.audio.decode import BYTES_A_SECOND, SAMPLE_RATE, Samples, decode_clip
from streamproc.errors import ErrorCode, StreamprocError

RATE = 16_000
SPEECH = np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)


def encoded(samples: Any, rate: int = RATE, container: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def code_of(clip: bytes, limit: float = 10.0) -> ErrorCode:
    with pytest.raises(StreamprocError) as caught:
        decode_clip(clip, limit)
    return caught.value.code


def whole(clip: bytes) -> Samples:
    """The clip as it is when it is decoded and resampled at once."""
    samples, rate = soundfile.read(io.BytesIO(clip), dtype="float32", always_2d=True)
    mono: Samples = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return mono


@hole("C2")
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_decoding_in_blocks_is_decoding_at_once(rate: int, channels: int, seconds: float) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (round(seconds * rate), channels))
    clip = encoded(noise, rate, "FLAC")
    samples, reference = decode_clip(clip, 10.0), whole(clip)
    assert len(samples) == len(reference)
    assert np.abs(samples - reference).max() < 1e-5


@hole("C2")
def test_what_a_clip_unpacks_to_is_never_there_as_a_whole() -> None:
    seconds, rate, channels = 20, 96_000, 8
    clip = encoded(np.zeros((seconds * rate, channels), np.int16), rate, "FLAC")
    tracemalloc.start()
    try:
        assert len(decode_clip(clip, 120.0)) == seconds * SAMPLE_RATE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # As a whole: 61 MB in float32.
    assert peak < seconds * BYTES_A_SECOND + 2_000_000


def with_sizes(clip: bytes, riff: int | None, data: int | None) -> bytes:
    """A WAV with other sizes in its header; None leaves one as it is."""
    changed = bytearray(clip)
    order = ">" if clip.startswith(b"RIFX") else "<"
    if riff is not None:
        changed[4:8] = struct.pack(f"{order}I", riff)
    if data is not None:
        place = clip.index(b"data") + 4
        changed[place : place + 4] = struct.pack(f"{order}I", data)
    return bytes(changed)


UNKNOWN_SIZES = [(0, 0), (None, 0), (0xFFFFFFFF, 0), (0, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (None, 0x7FFFF000)]


@hole("E")
@pytest.mark.parametrize(("riff", "data"), UNKNOWN_SIZES)
@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAVEX", "PCM_24")]
)
def test_a_wav_that_does_not_know_its_size_is_heard_as_a_whole(
    container: str, subtype: str, riff: int | None, data: int | None
) -> None:
    clip = encoded(SPEECH, container=container, subtype=subtype)
    assert np.array_equal(decode_clip(with_sizes(clip, riff, data), 10.0), whole(clip))


@hole("E")
@pytest.mark.parametrize("size", [0, 2**64 - 1])
def test_an_rf64_that_does_not_know_its_size_is_heard_as_a_whole(size: int) -> None:
    clip = encoded(SPEECH, container="RF64")
    assert np.array_equal(decode_clip(clip, 10.0), whole(clip))
    changed = bytearray(with_sizes(clip, None, 0xFFFFFFFF))
    ds64 = clip.index(b"ds64") + 8
    changed[ds64 : ds64 + 16] = struct.pack("<QQ", size, size)
    assert np.array_equal(decode_clip(bytes(changed), 10.0), whole(clip))


def big_endian(samples: Samples) -> bytes:
    body = (samples * 32767).astype(">i2").tobytes()
    form = struct.pack(">HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = b"WAVEfmt " + struct.pack(">I", 16) + form + b"data" + struct.pack(">I", len(body)) + body
    return b"RIFX" + struct.pack(">I", len(chunks)) + chunks


@hole("E")
@pytest.mark.parametrize("riff", [None, 0])
def test_the_sizes_of_a_big_endian_wav(riff: int | None) -> None:
    clip = big_endian(SPEECH)
    assert len(decode_clip(with_sizes(clip, riff, riff), 10.0)) == len(SPEECH)
    assert code_of(clip[:-2]) is ErrorCode.AUDIO_TRUNCATED


@hole("E")
@pytest.mark.parametrize(("riff", "data"), [(None, None), (0, 0)])
def test_a_wav_that_is_truly_empty_stays_empty(riff: int | None, data: int | None) -> None:
    empty = with_sizes(encoded(SPEECH[:0]), riff, data)
    assert code_of(empty) is ErrorCode.AUDIO_EMPTY
    assert code_of(empty + b"LIST" + struct.pack("<I", 4) + b"INFO") is ErrorCode.AUDIO_EMPTY


@hole("E")
def test_what_follows_the_samples_is_no_audio() -> None:
    clip = encoded(SPEECH)
    listed = clip + b"LIST" + struct.pack("<I", 4) + b"INFO"
    padded = clip + bytes(8 * wav.MAX_CHUNKS + 8)
    for more in (listed, listed[:-2], clip + bytes(3), clip + b"\xff" * 100, padded):
        assert np.array_equal(decode_clip(more, 10.0), whole(clip))
    tagged = encoded(SPEECH, container="FLAC") + b"TAG" + bytes(125)
    assert len(decode_clip(tagged, 10.0)) == len(SPEECH)


def unknown_length(flac: bytes) -> bytes:
    """A FLAC as it is written into a pipe: without the number of its samples and their MD5."""
    changed = bytearray(flac)
    packed = int.from_bytes(flac[18:26], "big")
    changed[18:26] = (packed >> 36 << 36).to_bytes(8, "big")
    changed[26:42] = bytes(16)
    return bytes(changed)


@hole("E")
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_a_flac_of_unknown_length_is_heard_as_a_whole(rate: int, channels: int) -> None:
    clip = encoded(np.random.default_rng(3).normal(0, 0.1, (3 * rate, channels)), rate, "FLAC")
    assert np.abs(decode_clip(unknown_length(clip), 10.0) - whole(clip)).max() < 1e-5
    assert code_of(unknown_length(clip), 2.0) is ErrorCode.AUDIO_TOO_LONG


def flac_frames(clip: bytes) -> list[int]:
    """Where frames may begin."""
    return [place for place in range(86, len(clip)) if clip[place : place + 2] == b"\xff\xf8"]


@hole("E")
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "FLAC", "OGG", "OPUS"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.999])
def test_a_clip_that_was_cut_off_is_refused(container: str, part: float) -> None:
    clip = encoded(SPEECH, container="OGG", subtype="OPUS") if container == "OPUS" else encoded(SPEECH, RATE, container)
    code = code_of(clip[: round(len(clip) * part)])
    assert code is (ErrorCode.AUDIO_UNREADABLE if container == "FLAC" else ErrorCode.AUDIO_TRUNCATED)


@hole("E")
def test_a_flac_that_was_cut_off_between_its_frames_is_refused() -> None:
    clip = encoded(SPEECH, container="FLAC")
    codes = {code_of(clip[:place]) for place in flac_frames(clip)[1:]}
    assert ErrorCode.AUDIO_TRUNCATED in codes
    assert codes <= {ErrorCode.AUDIO_TRUNCATED, ErrorCode.AUDIO_UNREADABLE}


@hole("E")
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("links", [2, 5])
def test_every_link_of_a_chained_ogg_is_heard(subtype: str, links: int) -> None:
    rates = (16_000, 48_000, 24_000, 8_000, 48_000)[:links]
    parts = [encoded(SPEECH[: (number + 1) * 4_000], rate, "OGG", subtype) for number, rate in enumerate(rates)]
    heard = decode_clip(b"".join(parts), 60.0)
    assert np.array_equal(heard, np.concatenate([decode_clip(part, 60.0) for part in parts]))
    assert code_of(b"".join(parts), len(heard) / SAMPLE_RATE - 0.1) is ErrorCode.AUDIO_TOO_LONG
    assert code_of(b"".join(parts)[:-100]) is ErrorCode.AUDIO_TRUNCATED


OGG = encoded(SPEECH, container="OGG")
PAGES = [page.begin for page in ogg._pages(OGG)]


@hole("E")
@pytest.mark.parametrize(
    "change",
    [
        lambda: OGG[: PAGES[-1]] + OGG,
        lambda: OGG[: PAGES[2]] + OGG[PAGES[3] :],
        lambda: OGG[PAGES[1] :],
        lambda: OGG[: PAGES[2]] + bytes(10) + OGG[PAGES[2] :],
        lambda: OGG + b"OGG?" * 20,
        lambda: OGG[: len(OGG) // 2] + bytes([OGG[len(OGG) // 2] ^ 1]) + OGG[len(OGG) // 2 + 1 :],
        lambda: encoded(SPEECH[:1600], container="OGG") * (ogg.MAX_LINKS + 1),
    ],
    ids=["a link that is cut off", "a page lost", "no first page", "junk", "junk at the end", "a bit", "many links"],
)
def test_an_ogg_that_is_not_whole_is_refused(change: Callable[[], bytes]) -> None:
    assert len(PAGES) > 3
    assert code_of(change()) is ErrorCode.AUDIO_UNREADABLE


@hole("E")
@pytest.mark.parametrize("rest", [b"\n", b"\r\n--", b"\0" * 5000])
def test_what_cannot_be_a_page_behind_the_last_one_is_passed_over(rest: bytes) -> None:
    assert np.array_equal(decode_clip(OGG + rest, 10.0), whole(OGG))
    assert np.array_equal(decode_clip(OGG + OGG + rest, 10.0), decode_clip(OGG + OGG, 10.0))


@hole("C2")
def test_a_clip_of_beginnings_costs_no_more_than_two_of_them() -> None:
    clip = b"fLaC\x00\x00\x00\x22" * 100_000
    tracemalloc.start()
    try:
        assert code_of(clip) is ErrorCode.AUDIO_UNREADABLE
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@hole("E")
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_second_file_behind_the_first_is_not_passed_over(container: str) -> None:
    clip = encoded(SPEECH, container=container)
    assert code_of(clip + clip) is ErrorCode.AUDIO_UNREADABLE


@hole("E")
def test_a_second_list_of_samples_is_not_passed_over() -> None:
    clip = encoded(SPEECH)
    assert code_of(clip + b"data" + struct.pack("<I", 4) + bytes(4)) is ErrorCode.AUDIO_UNREADABLE


@pytest.mark.parametrize("container", ["AIFF", "W64", "MP3", "CAF", "AU"])
def test_other_containers_are_refused_cut_off_or_not(container: str) -> None:
    clip = encoded(SPEECH, container=container)
    for part in (clip, clip[: len(clip) // 2], clip[40:]):
        assert code_of(part) is ErrorCode.AUDIO_UNREADABLE


def test_many_tiny_chunks_cost_little() -> None:
    clip = encoded(SPEECH)
    assert code_of(clip[:12] + b"junk\0\0\0\0" * (wav.MAX_CHUNKS + 1) + clip[12:]) is ErrorCode.AUDIO_UNREADABLE
    assert code_of(clip + b"junk\0\0\0\0" * (wav.MAX_CHUNKS + 1)) is ErrorCode.AUDIO_UNREADABLE


@given(st.binary(max_size=300))
def test_oggs_checksum_is_that_of_rfc_3533(content: bytes) -> None:
    register = 0
    for byte in content:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    assert ogg._crc(bytearray(content)) == register
