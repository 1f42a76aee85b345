"""An HTTP server that behaves as an object store on a good and on a bad day."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ObjectStore:
    """What lies in the store, and what it answers.

    ``status``: path -> HTTP status instead of the object; ``location``: path -> where a redirect leads.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.objects: dict[str, bytes] = {}
        self.status: dict[str, int] = {}
        self.location: dict[str, str] = {}
        self.claims: dict[str, int] = {}
        """Path -> the length that the answer's header claims."""
        self.asked: list[str] = []
        self.down: int | None = None
        """The HTTP status of everything, while the store itself fails."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[ObjectStore]:
    """Serve in a thread of this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            store.asked.append(self.path)
            status = store.down or store.status.get(self.path, 200 if self.path in store.objects else 404)
            content = store.objects[self.path] if status == 200 else b"no"
            self.send_response(status)
            if self.path in store.location:
                self.send_header("Location", store.location[self.path])
            self.send_header("Content-Length", str(store.claims.get(self.path, len(content))))
            # Whatever was claimed, no more comes; and no client takes this connection for one that it can use again.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    store = ObjectStore(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
