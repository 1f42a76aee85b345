"""Where endpoints are: addresses as they are set, and the addresses that a name has now.

gRPC looks a name up when a connection is lost, and not while all are up: its `round_robin` never finds a pod that was
added. So names are looked up here, again and again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from streamproc.settings.servers import DNS

log = structlog.get_logger(__name__)

LOOKUP_S = 5.0
"""Seconds that a lookup may take."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is: host:port, and the name that its certificate has, where that is not the host."""

    target: str
    server_name: str = ""


Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a name and a port to its addresses, IPv6 in brackets. Raises OSError where there is none."""


async def look_up(name: str, port: int) -> Sequence[str]:
    """By the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [f"[{host}]" if ":" in host else host for host in dict.fromkeys(str(entry[4][0]) for entry in found)]


class Resolver:
    """The addresses of all endpoints.

    Args:
        targets: host:port, one endpoint each; or dns:///name:port, one for each of the name's addresses.
        lookup: how a name is looked up.
    """

    def __init__(self, targets: Sequence[str], lookup: Lookup = look_up) -> None:
        self._targets = targets
        self._lookup = lookup
        self._known: dict[str, tuple[Address, ...]] = {}

    @property
    def changes(self) -> bool:
        """Whether there is a name to be looked up again."""
        return any(target.startswith(DNS) for target in self._targets)

    async def addresses(self) -> list[Address]:
        """As of now, each once, in the order of the targets.

        A name that cannot be looked up keeps the addresses that it had: a failing name server takes no endpoint away.
        """
        found = await asyncio.gather(*(self._of(target) for target in self._targets))
        return list({address.target: address for each in found for address in each}.values())

    async def _of(self, target: str) -> tuple[Address, ...]:
        if not target.startswith(DNS):
            return (Address(target),)
        name, _, port = target.removeprefix(DNS).rpartition(":")
        try:
            hosts = await asyncio.wait_for(self._lookup(name, int(port)), LOOKUP_S)
        except (OSError, TimeoutError, UnicodeError) as error:  # the last one: it is no name
            kept = self._known.get(target, ())
            reason = getattr(error, "strerror", None) or type(error).__name__
            log.warning(
                "the name of the inference endpoints cannot be looked up", name=name, reason=reason, kept=len(kept)
            )
            return kept
        # In one order whatever the name server's: it turns its answers round.
        self._known[target] = tuple(Address(f"{host}:{port}", name) for host in sorted(hosts))
        return self._known[target]
