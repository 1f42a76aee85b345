"""A fault proxy for one server: beside being frozen it can be late, and refuse connections as a dead server does."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

from support.proxy import Proxy


class Gate(Proxy):
    """Stands before ``target`` (host:port)."""

    def __init__(self, target: str) -> None:
        self._late = 0.0
        self._open = threading.Event()
        self._open.set()
        super().__init__()
        self.target = target

    @property
    def address(self) -> str:
        """Where clients connect, host:port."""
        return f"127.0.0.1:{self.port}"

    def delay(self, seconds: float) -> None:
        """Let every answer come so much later, however many there are."""
        self._late = seconds

    def refuse(self) -> None:
        """Reset what is connected, and refuse whoever connects."""
        self._open.clear()
        self._close_listener()
        self.thaw(cut=True)

    def admit(self) -> None:
        """Let clients in again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open.set()

    def close(self) -> None:
        """End it and its connections."""
        self._closed = True
        self._open.set()
        self._close_listener()
        super().close()

    def _close_listener(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not end the accept that waits
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            self._open.wait()
            try:
                client, _ = self._listener.accept()
            except OSError:
                time.sleep(0.02)
                continue
            host, port = self.target.rsplit(":", 1)
            try:
                server = socket.create_connection((host, int(port)), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._connections += [client, server]
            for source, sink, gate in ((client, server, self._requests), (server, client, self._answers)):
                threading.Thread(target=self._pump, args=(source, sink, gate), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._send, args=(waiting, sink, gate), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                late = self._late if gate is self._answers else 0.0
                waiting.put((time.monotonic() + late, data))
        waiting.put((time.monotonic(), b""))

    def _send(
        self, waiting: queue.SimpleQueue[tuple[float, bytes]], sink: socket.socket, gate: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := (item := waiting.get())[1]:
                time.sleep(max(0.0, item[0] - time.monotonic()))
                gate.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
