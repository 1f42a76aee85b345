"""A schema registry, for as long as a command asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings

T = TypeVar("T")


def with_registry(settings: Settings, work: Callable[[Registry], Awaitable[T]]) -> T:
    """Do it with a registry, to its end.

    Raises:
        StreamprocError: as ``work``; REGISTRY_UNAVAILABLE names the setting that says where the registry is.
    """

    async def run() -> T:
        registry = Registry(settings.registry)
        try:
            return await work(registry)
        finally:
            await registry.close()

    try:
        return asyncio.run(run())
    except StreamprocError as error:
        if error.code is ErrorCode.REGISTRY_UNAVAILABLE:
            raise StreamprocError(error.code, f"{error.message} (STREAMPROC_REGISTRY__URL)") from error
        raise
