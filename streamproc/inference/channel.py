"""A client of one server whose connection is replaced, without a call lost, when its certificates are."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException

from streamproc.errors import StreamprocError
from streamproc.inference import handshake, tls
from streamproc.inference.tls import ALLOW_PLAINTEXT, CA_FILE, CERTIFICATE_FILE, Credentials, Lifetime, TlsFiles
from streamproc.settings.servers import is_loopback

LOOK_S = 5.0
"""Seconds from one reading of the files to the next."""

EXAMINE_EVERY = 12
"""So many readings, a minute, from one look at the servers' certificates to the next."""

TRY_S = 5.0
"""Seconds that a server has to let a new connection in."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest answer that is received."""

OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    # A server that comes back is found at once: by default attempts to connect come to lie two minutes apart.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A connection of its own: other channels of the process would lend theirs, with other certificates.
    ("grpc.use_local_subchannel_pool", 1),
)

log = structlog.get_logger(__name__)


class Certificates:
    """How a worker speaks to its servers, kept up to date while one of its channels is open.

    Plaintext goes to this machine only, where no certificate is given, or where it is allowed.

    Args:
        files: what TLS takes.
        allow_plaintext: speak plaintext to every server.
        look: seconds from one reading of the files to the next.
        now: the time of day.
    """

    def __init__(
        self,
        files: TlsFiles | None = None,
        allow_plaintext: bool = False,
        look: float = LOOK_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.files = files or TlsFiles()
        self._allow_plaintext = allow_plaintext
        self._look = look
        self._now = now
        self._channels: set[Channel] = set()
        self._watching: asyncio.Task[None] | None = None
        self._misread = False
        self._told: dict[str, str] = {}
        """What the log has last said of a file or a server: it is said once."""
        self.current: Credentials | None = None

    def secures(self, host: str) -> bool:
        """Whether this host is spoken to by TLS."""
        return self.files.given or not (self._allow_plaintext or is_loopback(host))

    def expiries(self) -> Iterator[tuple[str, str, float]]:
        """Of each certificate that is known: "client" or "server", the server's address, days until it expires."""
        now = self._now()
        if self.current is not None and self.current.lifetime is not None:
            yield "client", "", self.current.lifetime.days_left(now)
        for channel in self._channels:
            if channel.lifetime is not None:
                yield "server", channel.address, channel.lifetime.days_left(now)

    async def joined(self, channel: Channel) -> Credentials:
        """A channel is opened; what it takes.

        Raises:
            StreamprocError: SETTINGS_INVALID.
        """
        if self.current is None:
            self.current = await asyncio.to_thread(tls.read, self.files)
        self._channels.add(channel)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return self.current

    async def left(self, channel: Channel) -> None:
        """A channel is closed: with the last one nothing is watched any more."""
        self._channels.discard(channel)
        if not self._channels and self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        for turn in itertools.count():
            # First: what is wrong at the start is told there, in one message and not in the log.
            await asyncio.sleep(self._look)
            try:
                await self._look_once(turn)
            except Exception as error:  # noqa: BLE001  a worker that no longer sees its certificates ends when they do
                log.error("certificates could not be looked at", type=type(error).__name__)

    async def _look_once(self, turn: int) -> None:
        await self._read()
        channels = tuple(self._channels)
        renewed = await asyncio.gather(*(self._renew(each) for each in channels))
        everyone = turn % EXAMINE_EVERY == 0 or any(renewed)
        await asyncio.gather(*(self._examine(each) for each in channels if everyone or each.suspected))

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(tls.read, self.files)
        except StreamprocError as error:
            # Files that are replaced one after the other do not belong together for a moment.
            if self._misread:
                self._tell("files", error.message, "the certificates cannot be used; those from before stay in use")
            self._misread = True
            return
        self._misread = False
        self._told.pop("files", None)
        if found != self.current:
            self.current = found
            log.info("the certificates have been read again", expires=_date(found.lifetime))
        if found.lifetime is not None:
            self._warn("client", CERTIFICATE_FILE, found.lifetime)

    async def _renew(self, channel: Channel) -> bool:
        assert self.current is not None
        renewed = await channel.renew(self.current)
        if channel.credentials == self.current:
            self._told.pop(f"renewed {channel.address}", None)
        else:
            reason = f"{channel.address} does not take the new ones: the connection with those from before is kept"
            self._tell(f"renewed {channel.address}", reason, "renewed certificates are not taken")
        return renewed

    async def _examine(self, channel: Channel) -> None:
        channel.suspected = False
        try:
            await channel.examine()
        except handshake.UnreachableError:
            return
        except StreamprocError as error:
            self._tell(channel.address, error.message, "a server cannot be spoken to")
            return
        self._told.pop(channel.address, None)
        if channel.lifetime is not None:
            self._warn(f"server {channel.address}", channel.address, channel.lifetime)

    def _warn(self, key: str, whose: str, lifetime: Lifetime) -> None:
        now = self._now()
        if lifetime.ends_soon(now):
            days = int(lifetime.days_left(now))
            self._tell(key, f"{whose} {lifetime.ends} {days}", "a certificate expires soon", whose=whose, days=days)

    def _tell(self, key: str, what: str, event: str, **more: object) -> None:
        if self._told.get(key) != what:
            self._told[key] = what
            log.warning(event, **(more or {"reason": what}))


class Channel:
    """One server: the client that speaks to it now, and those before it until their calls have ended.

    Args:
        address: host:port of the gRPC service.
        certificates: how it is spoken to.
        drain: seconds after which every call that is begun has ended.
        server_name: whom the server's certificate must name; empty: the host of ``address``.
    """

    def __init__(self, address: str, certificates: Certificates, drain: float, server_name: str = "") -> None:
        self.address = address
        self.lifetime: Lifetime | None = None
        """Of the server's certificate, as it was last seen."""
        self.suspected = False
        """Set when the server could not be spoken to: the log is told why, if it is for the certificates."""
        self._certificates = certificates
        self._drain = drain
        self._name = server_name
        self._secure = certificates.secures(address.rpartition(":")[0])
        self.credentials: Credentials | None = None
        """What its connection was made with; None: plaintext."""
        self._draining: dict[asyncio.Task[None], Any] = {}
        self.client: Any = None
        """tritonclient's; None before ``open`` and after ``close``. Ask for it anew for each call."""

    async def open(self) -> None:
        """Make the client; it connects with the first call.

        Raises:
            StreamprocError: SETTINGS_INVALID, the certificates cannot be used.
        """
        if self._secure:
            self.credentials = await self._certificates.joined(self)
        # Here and not in __init__: gRPC's aio channel belongs to the running event loop.
        self.client = self._connect(self.credentials)

    async def close(self) -> None:
        """End all connections; calls that are open fail."""
        client, self.client = self.client, None
        await self._certificates.left(self)
        clients, self._draining = self._draining, {}
        for task in clients:
            task.cancel()
        for each in (client, *clients.values()):
            if each is not None:
                await each.close()

    async def renew(self, credentials: Credentials) -> bool:
        """Go over to other credentials, if the server takes them, or takes the present ones no longer.

        A server may not know a new authority yet: until it does, the connection that works is kept.
        """
        if self.client is None or credentials == self.credentials:
            return False
        client = self._connect(credentials)
        lives = await _lives(client)
        # While the servers were asked the endpoint may have gone, and this channel been closed.
        if self.client is None or (not lives and await _lives(self.client)) or self.client is None:
            await client.close()
            return False
        old, self.client, self.credentials = self.client, client, credentials
        task = asyncio.create_task(self._end(old))
        self._draining[task] = old
        task.add_done_callback(lambda _: self._draining.pop(task, None))
        return True

    async def examine(self) -> None:
        """See why the server cannot be spoken to, and until when its certificate is valid.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE, naming the setting; handshake.UnreachableError, nobody is there.
        """
        if self.credentials is not None:
            self.lifetime = await handshake.examine(
                self.address, self._certificates.files, self.credentials, self._name, TRY_S
            )
        elif await handshake.speaks_tls(self.address, TRY_S):
            raise handshake.unavailable(
                f"{self.address} speaks TLS: {CA_FILE} names the authority of its certificate, and {ALLOW_PLAINTEXT} "
                "is to be left out"
            )

    def _connect(self, credentials: Credentials | None) -> Any:
        options = list(OPTIONS)
        if self._name:
            options.append(("grpc.ssl_target_name_override", self._name))
        creds = None if credentials is None else credentials.for_channel()
        return triton.InferenceServerClient(self.address, creds=creds, channel_args=options)

    async def _end(self, client: Any) -> None:
        await asyncio.sleep(self._drain)
        await client.close()


async def _lives(client: Any) -> bool:
    try:
        return bool(await client.is_server_live(client_timeout=TRY_S))
    except InferenceServerException:
        return False
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return False  # gRPC cancels the calls of a connection that is closed


def _date(lifetime: Lifetime | None) -> str | None:
    return None if lifetime is None else lifetime.ends.isoformat()
