"""What an app may not be or have, because the driver could not carry it with its guarantee."""

from __future__ import annotations

import faust
from faust.types.tables import GlobalTableT

from streamproc.transport.errors import Unsupported
from streamproc.transport.surface.agent import Agent
from streamproc.transport.surface.stream import Stream
from streamproc.transport.surface.tables.manager import TableManager
from streamproc.transport.surface.tables.sets import SetTable
from streamproc.transport.surface.tables.stores import check_store
from streamproc.transport.surface.tables.table import Table
from streamproc.transport.surface.topic import Topic


def check(app: faust.App) -> None:
    """Look at an app before it starts.

    Raises:
        Unsupported: it uses what the driver does not carry.
    """
    for name, ours in (("Stream", Stream), ("Topic", Topic), ("Agent", Agent)):
        if not issubclass(found := getattr(app.conf, name), ours):
            raise Unsupported(
                f"The app's {name} is {found.__module__}.{found.__qualname__}: with rdkafka:// it must be a "
                f"subclass of {ours.__module__}.{ours.__qualname__}, which ties what agents send to their events"
            )
    if app.conf.stream_publish_on_commit:
        raise Unsupported(
            "rdkafka:// holds what agents send until it is committed by itself: leave stream_publish_on_commit out"
        )
    if len(app.tables):
        check_tables(app)
    if hasattr(app, "livecheck") or any(kind.__module__ == "faust.livecheck.app" for kind in type(app).__mro__):
        raise Unsupported(
            "rdkafka:// does not carry LiveCheck: what a test sends would not be marked as its own, and every test "
            "would wait for its signals in vain. Run LiveCheck with kafka://."
        )
    channels = [agent.channel for agent in app.agents.values()]
    for channel in (*channels, *app.topics):
        check_topic(channel)
    if app.conf.broker_credentials is not None:
        raise Unsupported(
            "rdkafka:// does not read broker_credentials: set the transport's security_protocol, sasl_mechanism, "
            "sasl_username, sasl_password and ca_file"
        )


def check_topic(channel: object) -> None:
    """Look at what is to be read.

    Raises:
        Unsupported: topics by a pattern, of which Faust would read none.
    """
    if (pattern := getattr(channel, "pattern", None)) is not None:
        raise Unsupported(
            f"A topic is subscribed to by the pattern {pattern.pattern!r}: Faust subscribes to no patterns, and the "
            "agent would get nothing. Name the topics: app.topic('one', 'two')"
        )


def check_tables(app: faust.App) -> None:
    """Look at an app's tables.

    Raises:
        Unsupported: one of them cannot be carried.
    """
    if not isinstance(app.tables, TableManager):
        found = type(app.tables)
        raise Unsupported(
            f"The app's TableManager is {found.__module__}.{found.__qualname__}: with rdkafka:// it must be a subclass "
            f"of {TableManager.__module__}.{TableManager.__qualname__}"
        )
    for table in app.tables.values():
        name = f"The table {table.name!r}"
        if table.is_global or isinstance(table, GlobalTableT):
            raise Unsupported(
                f"{name} is global: workers that read, change and write one key at the same time would lose changes. "
                "Use app.Table, and send what must be known everywhere to a topic that each worker reads"
            )
        if not isinstance(table, Table):
            raise Unsupported(
                f"{name} is a {type(table).__module__}.{type(table).__qualname__}: with rdkafka:// it must be a "
                f"subclass of {Table.__module__}.{Table.__qualname__}"
            )
        if table.use_partitioner:
            raise Unsupported(
                f"{name} has use_partitioner: its changes would go to partitions that other workers write, and nothing "
                "would fence them. Leave it out; an event's state lies in the event's own partition"
            )
        if table.window is not None and isinstance(table, SetTable):
            raise Unsupported(f"{name} has windows of sets: use app.Table, with lists as its values")
        check_store(table)
