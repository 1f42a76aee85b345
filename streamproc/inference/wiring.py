"""The pool of Tritons that settings describe, and where it is found in an engine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from streamproc.inference.channel import Certificates
from streamproc.inference.endpoints import Endpoints
from streamproc.inference.engine import Engine
from streamproc.inference.fallback import FallbackEngine
from streamproc.inference.limiter import Limiter
from streamproc.inference.pool import TritonPool
from streamproc.inference.resolve import Address, Resolver
from streamproc.inference.served import ServedModel
from streamproc.inference.triton import TritonServer

LEAST_AUDIO_S, FIRST_AUDIO_S = 1.0, 30.0
"""Seconds of audio in flight at an endpoint: the least that its limit comes to, and where it begins."""


def pool_of(
    servers: Sequence[str],
    served: ServedModel,
    timeout: float,
    audio_seconds: float,
    certificates: Certificates | None = None,
    lookup_interval: float = 30.0,
) -> TritonPool:
    """A pool of these servers, not started.

    Args:
        servers: as `resolve.Resolver` takes them.
        served: their model.
        timeout: as TritonPool takes it.
        audio_seconds: of audio in flight at each of them, at most.
        certificates: how they are spoken to.
        lookup_interval: seconds from one lookup of their names to the next.
    """
    papers = certificates or Certificates()

    def connect(address: Address) -> TritonServer:
        return TritonServer(address.target, served, timeout, papers, address.server_name)

    def limiter() -> Limiter:
        return Limiter(time.monotonic, least=min(LEAST_AUDIO_S, audio_seconds), most=audio_seconds, start=FIRST_AUDIO_S)

    endpoints = Endpoints(Resolver(servers), connect, limiter, lookup_interval)
    return TritonPool(endpoints, served.name, served.version, timeout)


def parts_of(engine: Engine) -> tuple[TritonPool | None, FallbackEngine | None]:
    """The pool that an engine asks, None where it has no servers; and its fallback, None where it has none."""
    fallback = engine if isinstance(engine, FallbackEngine) else None
    first = engine if fallback is None else fallback.primary
    return first if isinstance(first, TritonPool) else None, fallback
