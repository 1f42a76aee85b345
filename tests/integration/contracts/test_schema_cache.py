"""What happens when the registry is slow, wrong or gone: a proxy in front of the real one misbehaves on demand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.contract_fixtures import Topics

from streamproc.contracts import files, wire
from streamproc.contracts.codec import ActivityDecoder, ActivityEncoder
from streamproc.contracts.registry import HeldSchema, Registry
from streamproc.contracts.schema_cache import SchemaCache
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.localstack.stack import Addresses
from streamproc.settings import RegistrySettings

UNKNOWN_ID = 987_654_321
READER = files.newest(files.ACTIVITY).schema


@dataclass
class Proxy:
    """Passes requests on to the real registry, unless ``fault`` says otherwise; remembers the paths."""

    url: str = ""
    fault: str = ""
    paths: list[str] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self, **changes: object) -> RegistrySettings:
        return RegistrySettings.model_validate({"url": self.url, "timeout": 0.3, **changes})


@pytest.fixture
async def proxy(stack: Addresses) -> AsyncIterator[Proxy]:
    proxy = Proxy()

    async def handle(request: web.Request) -> web.Response:
        proxy.paths.append(request.path)
        proxy.authorization.append(request.headers.get("Authorization", ""))
        match proxy.fault:
            case "hang":
                await proxy.release.wait()
            case "500":
                return web.json_response({"error_code": 50001, "message": "the backend is down"}, status=500)
            case "html":
                return web.Response(text="<html>Welcome to nginx</html>", content_type="text/html")
            case "html 404":
                return web.Response(status=404, text="<html>not found</html>", content_type="text/html")
            case "list":
                return web.json_response([])
            case "pause":
                await asyncio.sleep(0.1)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                stack.registry_url + request.path_qs,
                data=await request.read(),
                headers={"Content-Type": "application/json"},
            ) as answer,
        ):
            return web.json_response(await answer.json(), status=answer.status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield proxy
    proxy.release.set()
    await runner.cleanup()


async def schema_id_of(registry: Registry, topics: Topics) -> int:
    found = await registry.id_of(files.subject(topics.activity), files.newest(files.ACTIVITY).text)
    assert found is not None
    return found


async def test_one_fetch_serves_all_that_wait(registry: Registry, registered: Topics, proxy: Proxy) -> None:
    schema_id = await schema_id_of(registry, registered)
    through = Registry(proxy.settings(timeout=5))
    cache = SchemaCache(through, files.subject(registered.activity), READER)
    proxy.fault = "pause"
    waiting = [asyncio.create_task(cache.get(schema_id)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    found = await asyncio.gather(*waiting[1:])
    assert all(schema is found[0] for schema in found)
    versions = f"/subjects/{files.subject(registered.activity)}/versions"
    assert proxy.paths == [f"/schemas/ids/{schema_id}", versions, f"{versions}/1", f"{versions}/2"]
    await through.close()


@pytest.mark.parametrize("fault", ["500", "hang", "html", "html 404", "list"])
async def test_known_schemas_outlive_the_registry(
    registry: Registry, registered: Topics, proxy: Proxy, fault: str
) -> None:
    through = Registry(proxy.settings())
    encoder = ActivityEncoder(through, registered.activity)
    await encoder.start()
    decoder = ActivityDecoder(through, registered.activity)
    value = encoder.encode(ACTIVITY)
    assert await decoder.decode(value) == ACTIVITY
    proxy.fault = fault
    assert await decoder.decode(value) == ACTIVITY
    with pytest.raises(StreamprocError) as caught:
        await decoder.decode(wire.header(UNKNOWN_ID) + value[wire.HEADER.size :])
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    await through.close()


async def test_an_unknown_id_works_once_the_registry_is_back(
    registry: Registry, registered: Topics, proxy: Proxy
) -> None:
    schema_id = await schema_id_of(registry, registered)
    through = Registry(proxy.settings())
    cache = SchemaCache(through, files.subject(registered.activity), READER)
    proxy.fault = "500"
    with pytest.raises(StreamprocError):
        await cache.get(schema_id)
    proxy.fault = ""
    assert (await cache.get(schema_id)).schema["name"] == "streamproc.reading.Activity"
    await through.close()


async def test_an_id_that_nobody_knows_is_poison_after_the_grace_period(proxy: Proxy) -> None:
    through = Registry(proxy.settings(timeout=5))
    cache = SchemaCache(through, "any", READER, grace=0.2)
    for _ in range(3):
        with pytest.raises(StreamprocError) as caught:
            await cache.get(UNKNOWN_ID)
        assert caught.value.code is ErrorCode.SCHEMA_UNKNOWN
    # Asked twice, at the beginning and at the end of the grace period; then the answer is remembered.
    assert proxy.paths == [f"/schemas/ids/{UNKNOWN_ID}"] * 2
    await through.close()


async def test_the_negative_answer_is_forgotten(proxy: Proxy) -> None:
    through = Registry(proxy.settings(timeout=5))
    cache = SchemaCache(through, "any", READER, grace=0, negative=0.05)
    for _ in range(2):
        with pytest.raises(StreamprocError):
            await cache.get(UNKNOWN_ID)
        await asyncio.sleep(0.1)
    assert len(proxy.paths) == 2
    await through.close()


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({}, ""),
        ({"username": "reader", "password": "secret"}, "Basic cmVhZGVyOnNlY3JldA=="),
        ({"username": "reader", "password": "secret", "token": "abc"}, "Bearer abc"),
    ],
)
async def test_credentials_are_sent(proxy: Proxy, credentials: dict[str, object], expected: str) -> None:
    through = Registry(proxy.settings(timeout=5, **credentials))
    assert await through.versions("nobody-has-this") == {}
    assert proxy.authorization == [expected]
    await through.close()


async def test_a_closed_port_is_no_answer() -> None:
    registry = Registry(RegistrySettings(url="http://127.0.0.1:9", timeout=0.3))
    with pytest.raises(StreamprocError, match=r"http://127\.0\.0\.1:9") as caught:
        await registry.schema(1)
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    await registry.close()


async def test_a_private_authority_is_trusted_when_named(tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()

    async def subjects(request: web.Request) -> web.Response:
        return web.json_response([1] if request.path.endswith("versions") else {"schema": "{}", "version": 1, "id": 7})

    app.router.add_route("*", "/{path:.*}", subjects)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    trusting = Registry(RegistrySettings(url=url, ca_file=certificate))
    assert await trusting.versions("any") == {1: HeldSchema("{}", "AVRO", 7)}
    await trusting.close()
    distrustful = Registry(RegistrySettings(url=url, timeout=1))
    with pytest.raises(StreamprocError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        await distrustful.versions("any")
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    await distrustful.close()
    await runner.cleanup()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file
