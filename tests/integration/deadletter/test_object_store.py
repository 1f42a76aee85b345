"""What the fetcher makes of an object store's answers, on a real HTTP server."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.holes import hole
from support.object_store import ObjectStore, serving

from streamproc.agents.retrying import LATE
from streamproc.audio.fetch import ClipFetcher
from streamproc.audio.stores import PROBE_NAME
from streamproc.contracts.generated.events import Audio
from streamproc.errors import ErrorCode, StreamprocError


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def forbidden() -> Iterator[ObjectStore]:
    """A server that no prefix allows."""
    with serving() as one:
        yield one


async def code_of(address: str, path: str) -> ErrorCode:
    return await code(address, f"{address}/clips/", path)


async def code(address: str, prefix: str, path: str) -> ErrorCode:
    fetcher = ClipFetcher((prefix,), 100)
    try:
        with pytest.raises(StreamprocError) as caught:
            await fetcher.fetch(Audio(uri=address + path, sample_rate=16_000))
    finally:
        await fetcher.close()
    assert path not in caught.value.message, "a URI may name a learner"
    return caught.value.code


async def content_of(address: str, path: str) -> bytes:
    fetcher = ClipFetcher((f"{address}/clips/",), 100)
    try:
        return await fetcher.fetch(Audio(uri=address + path, sample_rate=16_000))
    finally:
        await fetcher.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ErrorCode.AUDIO_NOT_FOUND),
        (401, ErrorCode.AUDIO_FORBIDDEN),
        (403, ErrorCode.AUDIO_FORBIDDEN),
        (404, ErrorCode.AUDIO_NOT_FOUND),
        (408, ErrorCode.AUDIO_OBJECT_BUSY),
        (410, ErrorCode.AUDIO_NOT_FOUND),
        (425, ErrorCode.AUDIO_OBJECT_BUSY),
        (429, ErrorCode.AUDIO_OBJECT_BUSY),
        (451, ErrorCode.AUDIO_NOT_FOUND),
        (204, ErrorCode.AUDIO_OBJECT_FAILED),
        (206, ErrorCode.AUDIO_OBJECT_FAILED),
        (500, ErrorCode.AUDIO_OBJECT_FAILED),
        (502, ErrorCode.AUDIO_OBJECT_BUSY),
        (503, ErrorCode.AUDIO_OBJECT_BUSY),
        (504, ErrorCode.AUDIO_OBJECT_BUSY),
    ],
)
async def test_statuses_of_one_object_in_a_store_that_serves_others(
    store: ObjectStore, status: int, code: ErrorCode
) -> None:
    path = f"/clips/learner-{status}.wav"
    store.status[path] = status
    asked = len(store.asked)
    assert await code_of(store.address, path) is code
    assert store.asked[asked:].count(path) == 1, "the event's own retries decide how often"
    assert set(store.asked[asked:]) <= {path, f"/clips/{PROBE_NAME}"}


@hole("C4")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_store_that_fails_on_everything_is_waited_for(store: ObjectStore, status: int) -> None:
    store.down = status
    try:
        assert await code_of(store.address, "/clips/a.wav") is ErrorCode.AUDIO_STORE_UNAVAILABLE
    finally:
        store.down = None


@hole("C4")
async def test_a_store_is_judged_by_what_it_served_last(store: ObjectStore) -> None:
    store.objects["/clips/good.wav"] = b"clip"
    store.status["/clips/bad.wav"] = 500
    fetcher = ClipFetcher((f"{store.address}/clips/",), 100)
    try:
        await fetcher.fetch(Audio(uri=f"{store.address}/clips/good.wav", sample_rate=16_000))
        with pytest.raises(StreamprocError) as caught:
            await fetcher.fetch(Audio(uri=f"{store.address}/clips/bad.wav", sample_rate=16_000))
        assert caught.value.code is ErrorCode.AUDIO_OBJECT_FAILED
        assert store.asked[-2:] == ["/clips/bad.wav", "/clips/good.wav"]
        store.status["/clips/good.wav"] = 500
        with pytest.raises(StreamprocError) as caught:
            await fetcher.fetch(Audio(uri=f"{store.address}/clips/bad.wav", sample_rate=16_000))
        assert caught.value.code is ErrorCode.AUDIO_STORE_UNAVAILABLE
    finally:
        await fetcher.close()


@hole("C4")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, ErrorCode.AUDIO_OBJECT_FAILED),
        (503, ErrorCode.AUDIO_OBJECT_BUSY),
        (403, ErrorCode.AUDIO_FORBIDDEN),
        (410, ErrorCode.AUDIO_NOT_FOUND),
    ],
)
async def test_the_statuses_of_a_bucket(
    store: ObjectStore, status: int, code: ErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    path = f"/clips/bucket-{status}.wav"
    store.status[path] = status
    assert await code_in_bucket(path) is code
    if status >= 500:
        store.down = status
        try:
            assert await code_in_bucket(path) is ErrorCode.AUDIO_STORE_UNAVAILABLE
        finally:
            store.down = None


async def code_in_bucket(path: str) -> ErrorCode:
    return await code("s3:/", "s3://clips/", path)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/clips/a b.wav", "/clips/a%20b.wav"),
        ("/clips/a%20b.wav", "/clips/a%20b.wav"),
        ("/clips/ü.wav", "/clips/%C3%BC.wav"),
        ("/clips/signed.wav?signature=a%2Fb%3D", "/clips/signed.wav?signature=a%2Fb%3D"),
    ],
)
async def test_an_object_is_read(store: ObjectStore, path: str, asked: str) -> None:
    store.objects[asked] = b"clip"
    assert await content_of(store.address, path) == b"clip"
    assert store.asked[-1] == asked


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_never_followed(
    store: ObjectStore, forbidden: ObjectStore, status: int
) -> None:
    path = f"/clips/moved-{status}.wav"
    store.status[path] = status
    store.location[path] = f"{forbidden.address}/clips/secret"
    forbidden.objects["/clips/secret"] = b"secret"
    assert await code_of(store.address, path) is ErrorCode.AUDIO_URI_REFUSED
    assert forbidden.asked == []


async def test_a_bucket_behind_tls_does_not_lead_to_a_plain_address(
    forbidden: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certified(tmp_path, monkeypatch)
    with serving(tls) as bucket:
        monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        bucket.status["/clips/moved.wav"] = 307
        bucket.location["/clips/moved.wav"] = f"{forbidden.address}/clips/secret"
        assert await code("s3:/", "s3://clips/", "/clips/moved.wav") is ErrorCode.AUDIO_OBJECT_BUSY
        assert bucket.asked == ["/clips/moved.wav", f"/clips/{PROBE_NAME}"]
    assert forbidden.asked == []


def certified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1 that clients of this process trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    return context


async def test_an_object_that_says_it_is_large_is_not_read(store: ObjectStore) -> None:
    store.objects["/clips/large"] = b"x"
    store.claims["/clips/large"] = 1 << 30
    assert await code_of(store.address, "/clips/large") is ErrorCode.AUDIO_TOO_LARGE


async def test_an_answer_that_ends_early_is_tried_again(store: ObjectStore) -> None:
    store.objects["/clips/cut"] = b"x"
    store.claims["/clips/cut"] = 50
    code = await code_of(store.address, "/clips/cut")
    assert code is ErrorCode.AUDIO_OBJECT_FAILED
    assert code in LATE


async def test_a_store_that_does_not_answer_is_transient() -> None:
    assert await code_of("http://127.0.0.1:1", "/clips/a.wav") is ErrorCode.AUDIO_STORE_UNAVAILABLE


@pytest.mark.parametrize(
    "name",
    [
        *("a//b", "a/./b", "a\0b", "", "../x", "a/../../x", "?x", "#x", "a%00b", "a\r\nb", "a?x%0d%0ab"),
        *("%2e%2e/x", "a/%2E%2E%2f%2e%2e/x", "..%5Cx", "a%2F%2Fb", "..;/x", "a/..;v=1/x", "%252e%252e/x"),
        *("..%3B/x", "%25252525252e/x", "%c0%ae%c0%ae/x", "a%5cb"),
    ],
)
async def test_names_that_name_no_object(store: ObjectStore, name: str) -> None:
    asked = len(store.asked)
    assert await code_of(store.address, f"/clips/{name}") is ErrorCode.AUDIO_URI_REFUSED
    assert len(store.asked) == asked
