"""What every part of the driver needs of the app's transport: settings, servers, topics, what is in flight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from faust.transport import base
from faust.types import EventT
from pydantic import ValidationError

from streamproc.transport.errors import OutcomeRefused, TransportError
from streamproc.transport.flight.ledger import Ledger
from streamproc.transport.flight.loose import LooseSends
from streamproc.transport.kafka.assigning import Until, no_end
from streamproc.transport.kafka.topics import Topics
from streamproc.transport.settings import TransportSettings

#: Called for an event whose outcome Kafka refuses for good; what it sends becomes the event's outcome instead.
RefusedHandler = Callable[[EventT[Any], OutcomeRefused], Awaitable[None]]


class Shared(base.Transport):
    """Faust's transport, without the classes that it makes; those know this much of it."""

    default_port = 9092
    #: What to do with an event whose outcome is refused; None: stop the worker.
    on_refused: RefusedHandler | None = None
    #: Told of each transaction's end, a TransactionEnded, on the event loop; it must not raise.
    on_transaction: Callable[[Any], None] | None = None
    #: Where partitions end for this app, for one that reads a part of a log; assigned before the worker starts.
    until: Until = staticmethod(no_end)
    #: The group's consumer's way of stopping the worker.
    on_crash: Callable[[BaseException], None] | None = None

    _settings: TransportSettings | None = None
    _in_force = False

    @property
    def settings(self) -> TransportSettings:
        """How to consume, order, bound and commit.

        Raises:
            TransportError: the URL's query names no setting, or a value that it cannot have; or others are set after
                some part of the driver works with these already.
        """
        if self._settings is None:
            self._settings = self._settings_of_url()
        return self._settings

    @settings.setter
    def settings(self, settings: TransportSettings) -> None:
        if self._in_force and settings != self._settings:
            raise TransportError(
                "app.transport.settings comes too late: the app has sent, asked for a topic, or started, and works "
                "with the settings from before. Assign it right after the app is made."
            )
        self._settings = settings

    def settings_in_force(self) -> TransportSettings:
        """The settings, which nobody may change from now on: half of the driver would work with the old ones."""
        settings = self.settings
        self._in_force = True
        return settings

    def crash(self, error: BaseException) -> None:
        """Stop the worker with this reason. On the event loop."""
        if self.on_crash is not None:
            self.on_crash(error)

    def _settings_of_url(self) -> TransportSettings:
        query = {name: value for url in self.url for name, value in url.query.items()}
        try:
            return TransportSettings.model_validate(query)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors(include_input=False)
            )
            raise TransportError(f"The broker URL's query: {problems}") from error

    @cached_property
    def servers(self) -> str:
        """librdkafka's bootstrap.servers; an IPv6 address stands in brackets there, as in a URL."""
        hosts = ((url.host or "127.0.0.1", url.port or self.default_port) for url in self.url)
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts)

    @cached_property
    def topics(self) -> Topics:
        """Topics of this cluster."""
        return Topics(self.settings_in_force().client(self.servers))

    @cached_property
    def ledger(self) -> Ledger:
        """What this worker has in flight."""
        settings = self.settings_in_force()
        loose = LooseSends(settings.max_in_flight, settings.max_in_flight_bytes)
        return Ledger(ordered=settings.ordering == "partition", loose=loose)
