"""Fetching clips: only what lies under an allowed prefix, whatever the URI is made of."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.holes import hole

from streamproc.audio.fetch import SMALL_BYTES, ClipFetcher
from streamproc.audio.files import FileClips
from streamproc.contracts.generated.events import Audio
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
    (clips / "in").symlink_to("class 1")
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


@pytest.mark.parametrize("name", ["a.wav", "class%201/%C3%BC.wav", "class 1/ü.wav", "in.wav", "in/ü.wav"])
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
        "",
        "./a.wav",
        "/a.wav",
        "class%201/",
        "class%201//ü.wav",
        "..;/secret.wav",
        "..;x=1/secret.wav",
        "%2e%2e;/secret.wav",
        "%252e%252e/secret.wav",
        "%25252525252e/secret.wav",
        "..\\secret.wav",
        "..%5csecret.wav",
        "%c0%ae%c0%ae/secret.wav",
        "a.wav%00",
        "a\nb.wav",
        "\udcff.wav",
        "x" * 9000,
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
        "http://[",
        "http://[::1",
        "http://a b/c.wav",
        "http://host:99999/a.wav",
        "http://host:port/a.wav",
        "file://\udcff/a.wav",
        "://a.wav",
        "https:a.wav",
    ],
)
@hole("E")
async def test_uris_without_an_allowed_prefix(fetcher: ClipFetcher, uri: str) -> None:
    assert await code_of(fetcher, behind(uri)) is ErrorCode.AUDIO_URI_REFUSED
    assert await code_of(ClipFetcher((), LIMIT), behind(uri)) is ErrorCode.AUDIO_URI_REFUSED


async def test_a_prefix_ends_where_a_folder_ends(fetcher: ClipFetcher, folder: Path) -> None:
    assert await code_of(fetcher, behind(f"{folder.as_uri()}-of-others/b.wav")) is ErrorCode.AUDIO_URI_REFUSED


@pytest.mark.parametrize("name", ["nothing.wav", "class%201", "a.wav/b.wav", "loop.wav", "x" * 5000])
async def test_what_is_not_there(fetcher: ClipFetcher, folder: Path, name: str) -> None:
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/{name}")) is ErrorCode.AUDIO_NOT_FOUND


async def test_only_regular_files_are_opened(fetcher: ClipFetcher, folder: Path) -> None:
    # Opening a pipe that nobody writes to would wait for ever.
    os.mkfifo(folder / "pipe.wav")
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/pipe.wav")) is ErrorCode.AUDIO_NOT_FOUND


@hole("C5")
async def test_a_pipe_that_is_swapped_in_for_a_clip_holds_nobody_up(
    fetcher: ClipFetcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = folder / "pipe.wav"
    pipe.write_bytes(CONTENT)

    def swap() -> None:
        pipe.unlink()
        os.mkfifo(pipe)

    before_opening(monkeypatch, swap)
    async with asyncio.timeout(10):
        assert await code_of(fetcher, behind(f"{folder.as_uri()}/pipe.wav")) is ErrorCode.AUDIO_NOT_FOUND


@hole("C2")
@pytest.mark.parametrize("kept", [False, True])
async def test_large_clips_wait_for_a_place_and_small_ones_do_not(folder: Path, kept: bool) -> None:
    large = bytes(SMALL_BYTES + 1)
    (folder / "huge.wav").write_bytes(large)
    fetcher = ClipFetcher((folder.as_uri(),), len(large), len(large) * 2)
    async with AsyncExitStack() as held:
        for _ in range(2):
            assert await fetcher.fetch(behind(f"{folder.as_uri()}/huge.wav"), held if kept else None) == large
        waits = asyncio.create_task(fetcher.fetch(behind(f"{folder.as_uri()}/huge.wav")))
        assert await fetcher.fetch(behind(f"{folder.as_uri()}/a.wav")) == CONTENT
        done, _ = await asyncio.wait([waits], timeout=0.3 if kept else 10)
        assert bool(done) is not kept
    assert await waits == large


async def test_what_is_no_file_keeps_no_descriptor(fetcher: ClipFetcher, folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        assert await code_of(fetcher, behind(f"{folder.as_uri()}/class%201")) is ErrorCode.AUDIO_NOT_FOUND
    assert len(os.listdir("/proc/self/fd")) < before + 10  # noqa: PTH208


@hole("F2")
@pytest.mark.parametrize("name", ["class 1/b.wav", "a.wav"])
async def test_a_link_that_is_swapped_in_after_the_check_leads_nowhere(
    fetcher: ClipFetcher, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "class 1" / "b.wav").write_bytes(CONTENT)
    outside = folder.parent / "outside"
    (outside / "class 1").mkdir(parents=True)
    for path in ("class 1/b.wav", "a.wav"):
        (outside / path).write_bytes(b"secret")
    first = name.split("/")[0]

    def swap() -> None:
        (folder / first).rename(folder / "moved")
        (folder / first).symlink_to(outside / first)

    before_opening(monkeypatch, swap)
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/{name}")) is ErrorCode.AUDIO_NOT_FOUND


def before_opening(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let somebody change the folder between the check of a path and its opening."""
    resolve = Path.resolve
    seen: list[Path] = []

    def resolve_then_change(path: Path, strict: bool = False) -> Path:
        real = resolve(path, strict)
        seen.append(path)
        if len(seen) == 2:  # the folder comes first, then the file
            change()
        return real

    monkeypatch.setattr(Path, "resolve", resolve_then_change)


@hole("F2")
async def test_whoever_swaps_folders_for_links_meanwhile_gets_nothing_read_outside(
    fetcher: ClipFetcher, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.wav").write_bytes(b"secret")
    (folder / "swapped").mkdir()
    (folder / "swapped" / "a.wav").write_bytes(CONTENT)
    (folder / "link").symlink_to(tmp_path / "outside")
    script = (
        "import os\nwhile True:\n"
        " os.rename('swapped', 'kept'); os.rename('link', 'swapped')\n"
        " os.rename('swapped', 'link'); os.rename('kept', 'swapped')\n"
    )
    swapper = subprocess.Popen([sys.executable, "-c", script], cwd=folder)  # noqa: ASYNC220
    try:
        outcomes: Counter[bytes | ErrorCode] = Counter()
        # A bounded number of reads, while the folder is there at least once.
        for _ in range(300):
            try:
                outcomes[await fetcher.fetch(behind(f"{folder.as_uri()}/swapped/a.wav"))] += 1
            except StreamprocError as error:
                outcomes[error.code] += 1
    finally:
        swapper.kill()
        swapper.wait()
    assert b"secret" not in outcomes
    assert set(outcomes) <= {CONTENT, ErrorCode.AUDIO_NOT_FOUND, ErrorCode.AUDIO_URI_REFUSED}


@hole("C5")
async def test_a_file_system_that_hangs_can_be_left(
    fetcher: ClipFetcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, reading = threading.Event(), threading.Event()

    def hang(_self: object, _parts: list[str], _most: int) -> bytes:
        assert threading.current_thread().daemon, "the end of the process would wait for it"
        reading.set()
        hangs.wait(60)
        return CONTENT

    monkeypatch.setattr(FileClips, "_read", hang)
    task = asyncio.create_task(fetcher.fetch(behind(f"{folder.as_uri()}/a.wav")))
    assert await asyncio.to_thread(reading.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hangs.set()
    monkeypatch.setattr("streamproc.audio.files.READ_SECONDS", 0.05)
    hangs.clear()
    assert await code_of(fetcher, behind(f"{folder.as_uri()}/a.wav")) is ErrorCode.AUDIO_OBJECT_BUSY
    hangs.set()


@pytest.mark.parametrize("name", ["../a.wav", "x/../../a.wav", "", "..;/a.wav", "a//b.wav", "%2e%2e/a.wav"])
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
