"""The driver that Faust finds under ``rdkafka://``."""

from __future__ import annotations

from typing import Any, ClassVar

import confluent_kafka

from streamproc.transport.errors import TransportError
from streamproc.transport.fixup import adopt
from streamproc.transport.shared import Shared
from streamproc.transport.surface.conductor import Conductor
from streamproc.transport.surface.consumer import Consumer, Fetcher
from streamproc.transport.surface.monitor import Monitor, TransportState
from streamproc.transport.surface.producer import Producer, TransactionManager
from streamproc.transport.surface.replies import ClientConsumer


class Transport(Shared):
    """``faust.App(broker="rdkafka://host:port,host:port")``.

    Settings come from ``app.transport.settings``, assigned before the worker starts, or from the URL's query:
    ``rdkafka://host:9092?ordering=unordered&commit_interval=0.05``. A login may not stand there.

    Raises:
        TransportError: the URL holds a login.
    """

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
    TransactionManager: ClassVar[Any] = TransactionManager
    Conductor: ClassVar[Any] = Conductor
    Fetcher: ClassVar[Any] = Fetcher

    driver_version = f"confluent_kafka={confluent_kafka.__version__}"

    def __init__(self, url: Any, app: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(url, app, *args, **kwargs)
        if any(one.user or one.password or "sasl_password" in one.query for one in self.url):
            # Faust prints the URL when it starts, and what is not read would leave the user without the login.
            raise TransportError(
                "The broker's URL holds a login, which logs would show: set sasl_username and sasl_password in "
                "app.transport.settings"
            )
        # The fixup has done this, unless the broker was named only after the app was used for the first time.
        adopt(app.conf)

    def create_consumer(self, callback: Any, **kwargs: Any) -> Any:
        """A member of the group; in a client-only app a reader of replies."""
        kind = ClientConsumer if self.app.client_only else self.Consumer
        return kind(self, callback=callback, loop=self.loop, **kwargs)

    @property
    def state(self) -> TransportState:
        """The driver's numbers as of now. On the event loop."""
        monitor = self.app.monitor
        state = monitor.transport if isinstance(monitor, Monitor) else TransportState()
        state.read(self.ledger)
        consumer = self.app.consumer
        if isinstance(consumer, Consumer):
            recovering = consumer.recovering
            state.restoring = {one.tp: one.left for one in recovering}
            known = ((one.tp, one.seconds_left) for one in recovering)
            state.restoring_seconds = {tp: round(seconds) for tp, seconds in known if seconds is not None}
            state.standby_lag = {tp: standby.lag for tp, standby in consumer.standbys.items()}
        return state
