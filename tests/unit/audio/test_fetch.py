"""Fetching clips: only what lies under an allowed prefix, whatever the URI is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.events import Audio
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError

CONTENT = b"a clip"
LIMIT = 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """clips/ is allowed; secret.wav beside it and clips-of-others/ are not."""
    clips = tmp_path / "clips"
    (clips / "class 1").mkdir(parents=True)
    (tmp_path / "clips-of-others").mkdir()
    for name in ("clips/a.wav", "clips/class 1/ü.wav", "secret.wav", "clips-of-others/b.wav"):
        (tmp_path / name).write_bytes(CONTENT)
    (clips / "limit.wav").write_bytes(bytes(LIMIT))
    (clips / "large.wav").write_bytes(bytes(LIMIT + 1))
    (clips / "in.wav").symlink_to(clips / "a.wav")
    (clips / "out.wav").symlink_to(tmp_path / "secret.wav")
    (clips / "up").symlink_to(tmp_path)
    (clips / "loop.wav").symlink_to(clips / "loop.wav")
    return clips


@pytest.fixture
def fetcher(folder: Path) -> ClipFetcher:
    return ClipFetcher((folder.as_uri(),), LIMIT)


def behind(uri: str) -> Audio:
    return Audio(uri=uri, sample_rate=16_000)


async def code_of(fetcher: ClipFetcher, audio: Audio) -> ErrorCode:
    with pytest.raises(StreamprocError) as caught:
        await fetcher.fetch(audio)
    assert caught.value.code.error_class is not ErrorClass.FATAL
    if audio.uri:
        assert audio.uri not in caught.value.message, "a URI may name a learner"
    return caught.value.code


async def test_inline_audio_is_taken_as_it_is() -> None:
    assert await ClipFetcher((), 1).fetch(Audio(data=CONTENT, sample_rate=16_000)) == CONTENT
    assert await ClipFetcher((), 1).fetch(Audio(data=b"", sample_rate=16_000)) == b""


async def test_either_data_or_a_uri(fetcher: ClipFetcher) -> None:
    assert await code_of(fetcher, Audio(sample_rate=16_000)) is ErrorCode.AUDIO_MISSING
    both = Audio(data=b"", uri="file:///x", sample_rate=16_000)
    assert await code_of(fetcher, both) is ErrorCode.AUDIO_AMBIGUOUS


@pytest.mark.parametrize(
    "name", ["a.wav", "class%201/%C3%BC.wav", "class 1/ü.wav", "in.wav", "./a.wav", "/a.wav", "../clips/a.wav"]
)
async def test_files_under_the_prefix(fetcher: ClipFetcher, folder: Path, name: str) -> None:
    assert await fetcher.fetch(behind(f"{folder.as_uri()}/{name}")) == CONTENT


async def test_the_largest_file_that_is_allowed(fetcher: ClipFetcher, folder: Path) -> None:
    assert len(await fetcher.fetch(behind(f"{folder.as_uri()}/limit.wav"))) == LIMIT
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/large.wav")) is ErrorCode.AUDIO_TOO_LARGE


@pytest.mark.parametrize(
    "name",
    [
        "../secret.wav",
        "class%201/../../secret.wav",
        "%2e%2e/secret.wav",
        "%2E%2E%2Fsecret.wav",
        "../clips-of-others/b.wav",
        "out.wav",
        "up/secret.wav",
        "up/clips-of-others/b.wav",
        "../nothing.wav",
    ],
)
async def test_nothing_outside_the_prefix_is_read_or_even_looked_for(
    fetcher: ClipFetcher, folder: Path, name: str
) -> None:
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/{name}")) is ErrorCode.AUDIO_URI_REFUSED


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.wav",
        "/etc/passwd",
        "file:/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "http://127.0.0.1/a.wav",
        "s3://bucket/a.wav",
        "gs://bucket/a.wav",
        "\x00",
    ],
)
async def test_uris_without_an_allowed_prefix(fetcher: ClipFetcher, uri: str) -> None:
    assert await code_of(fetcher, behind(uri)) is ErrorCode.AUDIO_URI_REFUSED
    assert await code_of(ClipFetcher((), LIMIT), behind(uri)) is ErrorCode.AUDIO_URI_REFUSED


async def test_a_prefix_ends_where_a_folder_ends(fetcher: ClipFetcher, folder: Path) -> None:
    assert await code_of(fetcher, behind(f"{folder.as_uri()}-of-others/b.wav")) is ErrorCode.AUDIO_URI_REFUSED


@pytest.mark.parametrize("name", ["nothing.wav", "", "class%201", "a.wav/b.wav", "loop.wav", "%00.wav", "x" * 5000])
async def test_what_is_not_there(fetcher: ClipFetcher, folder: Path, name: str) -> None:
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/{name}")) is ErrorCode.AUDIO_NOT_FOUND


async def test_only_regular_files_are_opened(fetcher: ClipFetcher, folder: Path) -> None:
    # Opening a pipe that nobody writes to would wait for ever.
    os.mkfifo(folder / "pipe.wav")
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/pipe.wav")) is ErrorCode.AUDIO_NOT_FOUND


@pytest.mark.parametrize("name", ["../a.wav", "x/../../a.wav", ""])
async def test_object_names_do_not_climb(name: str) -> None:
    fetcher = ClipFetcher(("s3://bucket/clips/",), LIMIT)
    assert await code_of(fetcher, behind(f"s3://bucket/clips/{name}")) is ErrorCode.AUDIO_URI_REFUSED


async def test_a_bucket_prefix_ends_at_a_slash_whether_it_is_written_or_not() -> None:
    fetcher = ClipFetcher(("memory:///clips",), LIMIT)
    assert await code_of(fetcher, behind("memory:///clips-of-others/a.wav")) is ErrorCode.AUDIO_URI_REFUSED
    assert await code_of(fetcher, behind("memory:///clips/a.wav")) is ErrorCode.AUDIO_NOT_FOUND


async def test_objects_of_a_store() -> None:
    fetcher = ClipFetcher(("memory:///clips/",), LIMIT)
    assert await code_of(fetcher, behind("memory:///clips/nothing.wav")) is ErrorCode.AUDIO_NOT_FOUND
