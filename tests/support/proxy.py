"""A TCP proxy that can be frozen, so that connections stay open and nothing passes, or made slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Listens on a port of its own and forwards to ``target`` (host:port, may be set later)."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.target = ""
        self._requests = threading.Event()
        self._answers = threading.Event()
        self._requests.set()
        self._answers.set()
        self._connections: list[socket.socket] = []
        self._closed = False
        self._refusing = False
        self._rate: float | None = None
        #: Who has it may send: all connections share the way.
        self._way = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self, *, requests: bool, answers: bool) -> None:
        """Let no requests, or no answers, pass any more."""
        if requests:
            self._requests.clear()
        if answers:
            self._answers.clear()

    def throttle(self, rate: float | None) -> None:
        """Let requests pass at so many bytes a second, those of all connections together; None: as they come."""
        self._rate = rate

    def thaw(self, *, cut: bool) -> None:
        """Let everything pass again; ``cut``: on new connections only, what was under way is lost."""
        if cut:
            connections, self._connections = self._connections, []
            for connection in connections:
                _reset(connection)
        self._requests.set()
        self._answers.set()

    def turn_away(self, refusing: bool) -> None:
        """End the connections that there are, and new ones at once, as a server does that is not there any more."""
        self._refusing = refusing
        if refusing:
            self.thaw(cut=True)

    def close(self) -> None:
        """End it and its connections."""
        self._closed = True
        self._listener.close()
        self.thaw(cut=True)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                if not self._closed:
                    time.sleep(0.05)
                continue
            if self._refusing:
                _reset(client)
                continue
            try:
                host, port = self.target.rsplit(":", 1)
                server = socket.create_connection((host, int(port)), timeout=5)
                server.settimeout(None)
            except OSError:
                _reset(client)
                continue
            self._connections += [client, server]
            for source, sink, gate in ((client, server, self._requests), (server, client, self._answers)):
                threading.Thread(target=self._pump, args=(source, sink, gate), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                gate.wait()
                if self._rate is not None and gate is self._requests:
                    with self._way:
                        time.sleep(len(data) / self._rate)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
