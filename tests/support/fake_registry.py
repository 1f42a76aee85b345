"""A schema registry in this process that answers as it is told to: over HTTP, with what a real one would not say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from streamproc.settings import RegistrySettings


@dataclass
class FakeRegistry:
    """Schemas by id, ids by subject and version; ``faults`` go before them."""

    url: str = ""
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Id -> what is answered."""
    subjects: dict[str, dict[int, int]] = field(default_factory=dict)
    """Subject -> version -> id."""
    faults: list[tuple[str, Callable[[], web.StreamResponse]]] = field(default_factory=list)
    """What the path ends with -> what is answered instead."""
    paths: list[str] = field(default_factory=list)
    """What has been asked for."""

    def settings(self, timeout: float = 5.0) -> RegistrySettings:
        """How to reach it."""
        return RegistrySettings(url=self.url, timeout=timeout)

    def hold(self, subject: str | None, schema_id: int, text: str, kind: str = "AVRO") -> None:
        """Register a schema; with no subject the registry knows its id alone."""
        self.schemas[schema_id] = {"schema": text} | ({} if kind == "AVRO" else {"schemaType": kind})
        if subject is not None:
            versions = self.subjects.setdefault(subject, {})
            versions[len(versions) + 1] = schema_id

    def answer(self, path: str) -> web.StreamResponse:
        """What a registry answers to GET."""
        self.paths.append(path)
        for end, fault in self.faults:
            if path.endswith(end):
                return fault()
        match path.strip("/").split("/"):
            case ["schemas", "ids", schema_id] if int(schema_id) in self.schemas:
                return web.json_response(self.schemas[int(schema_id)])
            case ["schemas", "ids", _]:
                return web.json_response({"error_code": 40403, "message": "no such schema"}, status=404)
            case ["subjects", subject, "versions"] if subject in self.subjects:
                return web.json_response(list(self.subjects[subject]))
            case ["subjects", subject, "versions", version] if int(version) in self.subjects.get(subject, ()):
                held = self.subjects[subject][int(version)]
                return web.json_response(
                    {"subject": subject, "version": int(version), "id": held, **self.schemas[held]}
                )
        return web.json_response({"error_code": 40401, "message": "no such subject"}, status=404)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeRegistry]:
    """A registry that holds nothing, for as long as the block lasts."""
    registry = FakeRegistry()

    async def handle(request: web.Request) -> web.StreamResponse:
        return registry.answer(request.path)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield registry
    finally:
        await runner.cleanup()
