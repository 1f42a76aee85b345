"""Choosing ports that stay free until the part that needs them listens on them."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from streamproc.localstack.errors import StackError
from streamproc.settings.servers import DNS

HOST = "127.0.0.1"
STEP = 10
ATTEMPTS = 200


@contextlib.contextmanager
def claimed_ports(claims: Path, *defaults: int) -> Iterator[tuple[int, ...]]:
    """Give a free port for each default: the default itself, or the next free one in steps of ten.

    A file in ``claims``, locked until the context ends, keeps other stacks of this user from choosing the same port
    in the moment between choosing and listening. Steps keep below 32768, where the system gives ports to
    outgoing connections.
    """
    claims.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        yield tuple(_claim(claims, default, held) for default in defaults)


class KeptPorts:
    """A part's ports: chosen once, and kept until they are given back, so that it is found where it was after a crash.

    While this process lives, no other stack of this user takes them, not even while the part is down.
    """

    def __init__(self, *defaults: int) -> None:
        self.numbers = defaults
        self._held: contextlib.ExitStack | None = None

    def claim(self, claims: Path) -> tuple[int, ...]:
        """The ports; where they are not held yet, chosen as by `claimed_ports`, beginning with the last ones."""
        if self._held is None:
            held = contextlib.ExitStack()
            self.numbers = held.enter_context(claimed_ports(claims, *self.numbers))
            self._held = held
        return self.numbers

    def give_back(self) -> None:
        """Others may have them."""
        if self._held is not None:
            self._held.close()
            self._held = None


def _claim(claims: Path, default: int, held: contextlib.ExitStack) -> int:
    for port in range(default, default + ATTEMPTS * STEP, STEP):
        file = held.enter_context((claims / str(port)).open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        if is_free(port):
            return port
    raise StackError(f"no free port found from {default} in steps of {STEP}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        # A port whose last connections linger (TIME_WAIT) is free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int, host: str = HOST) -> bool:
    """Whether something listens on this port."""
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return True
    except OSError:
        return False


def reachable(address: str) -> bool:
    """Whether one of the servers that ``address`` names (a URL, or entries as in STREAMPROC_TRITON__URLS) is there."""
    return any(_reachable(server.strip().removeprefix(DNS)) for server in address.split(","))


def port_of(address: str) -> int:
    """The port of host:port, or of a URL; 0: it names none. Raises ValueError for what is no address."""
    url = urllib.parse.urlsplit(address if "://" in address else f"//{address}")
    return url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _reachable(server: str) -> bool:
    url = urllib.parse.urlsplit(server if "://" in server else f"//{server}")
    try:
        port = port_of(server)
    except ValueError:
        return False
    return url.hostname is not None and port > 0 and accepts(port, url.hostname)
