"""What the fetcher makes of an object store's answers, on a real HTTP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.events import Audio
from streamproc.errors import ErrorCode, StreamprocError

from .object_store import ObjectStore, serving


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with serving() as one:
        yield one


async def code_of(address: str, path: str) -> ErrorCode:
    fetcher = ClipFetcher((f"{address}/clips/",), 100)
    with pytest.raises(StreamprocError) as caught:
        await fetcher.fetch(Audio(uri=address + path, sample_rate=16_000))
    assert path not in caught.value.message, "a URI may name a learner"
    return caught.value.code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ErrorCode.AUDIO_NOT_FOUND),
        (401, ErrorCode.AUDIO_FORBIDDEN),
        (403, ErrorCode.AUDIO_FORBIDDEN),
        (404, ErrorCode.AUDIO_NOT_FOUND),
        (408, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (410, ErrorCode.AUDIO_NOT_FOUND),
        (425, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (429, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (451, ErrorCode.AUDIO_NOT_FOUND),
        (500, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (502, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (503, ErrorCode.AUDIO_STORE_UNAVAILABLE),
        (504, ErrorCode.AUDIO_STORE_UNAVAILABLE),
    ],
)
async def test_statuses(store: ObjectStore, status: int, code: ErrorCode) -> None:
    path = f"/clips/learner-{status}.wav"
    store.status[path] = status
    asked = len(store.asked)
    assert await code_of(store.address, path) is code
    assert len(store.asked) == asked + 1, "the event's own retries decide how often"


async def test_an_object_is_read(store: ObjectStore) -> None:
    store.objects["/clips/a b.wav"] = store.objects["/clips/a%20b.wav"] = b"clip"
    fetcher = ClipFetcher((f"{store.address}/clips/",), 100)
    assert await fetcher.fetch(Audio(uri=f"{store.address}/clips/a b.wav", sample_rate=16_000)) == b"clip"


async def test_an_object_that_says_it_is_large_is_not_read(store: ObjectStore) -> None:
    store.objects["/clips/large"] = b"x"
    store.claims["/clips/large"] = 1 << 30
    assert await code_of(store.address, "/clips/large") is ErrorCode.AUDIO_TOO_LARGE


async def test_an_answer_that_ends_early_is_tried_again(store: ObjectStore) -> None:
    store.objects["/clips/cut"] = b"x"
    store.claims["/clips/cut"] = 50
    assert await code_of(store.address, "/clips/cut") is ErrorCode.AUDIO_STORE_UNAVAILABLE


async def test_a_store_that_does_not_answer_is_transient() -> None:
    assert await code_of("http://127.0.0.1:1", "/clips/a.wav") is ErrorCode.AUDIO_STORE_UNAVAILABLE


@pytest.mark.parametrize("name", ["a//b", "a/./b", "a\0b", "", "../x", "a/../../x"])
async def test_names_that_name_no_object(store: ObjectStore, name: str) -> None:
    asked = len(store.asked)
    assert await code_of(store.address, f"/clips/{name}") is ErrorCode.AUDIO_URI_REFUSED
    assert len(store.asked) == asked
