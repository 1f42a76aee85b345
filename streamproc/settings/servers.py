"""Where servers are, as a setting has it: host:port, or a name that stands for several, separated by commas."""

from __future__ import annotations

import ipaddress
import re

DNS = "dns:///"
"""What stands before a name all of whose addresses are servers; gRPC's own word for it."""

MOST_PORT = 65535

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:;/\[\]]+):[0-9]{1,5}")
"""An IPv6 address stands in brackets."""

_SCHEME = re.compile(r"(https?|grpcs?)://", re.IGNORECASE)


def host_and_port(value: str) -> str:
    """The value itself. Raises ValueError where it is something else than host:port."""
    login, at, rest = value.rpartition("@")
    shown = repr("…" + at + rest if login else value)
    if not _HOST_AND_PORT.fullmatch(value):
        raise ValueError(f"{shown} is not host:port")
    host, _, port = value.rpartition(":")
    if not 0 < int(port) <= MOST_PORT:
        raise ValueError(f"{shown} has a port that there is not: they go from 1 to {MOST_PORT}")
    try:
        host.encode("idna")  # as the system's resolver does
    except UnicodeError:
        raise ValueError(f"{shown} has a host that is no name: between dots stand 1 to 63 characters") from None
    return value


def is_loopback(host: str) -> bool:
    """Whether an address, or a name without its port, is this machine's own: what is sent there cannot leave it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def servers_of(urls: str) -> tuple[str, ...]:
    """The entries of a list.

    Raises:
        ValueError: one is none, or stands in it twice.
    """
    entries = tuple(entry.strip() for entry in urls.split(","))
    seen = set()
    for entry in entries:
        if not entry:
            raise ValueError(f"{urls!r} has an empty entry: between commas stands host:port or {DNS}name:port")
        if (scheme := _SCHEME.match(entry)) is not None:
            raise ValueError(f"{scheme[0]} does not belong here: give host:port of the gRPC service")
        host_and_port(entry.removeprefix(DNS))
        if entry.lower() in seen:
            raise ValueError(f"{entry!r} stands there twice")
        seen.add(entry.lower())
    return entries
