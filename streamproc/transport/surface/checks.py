"""What an app may not be or have, because the driver could not carry it with its guarantee."""

from __future__ import annotations

import faust

from streamproc.transport.errors import Unsupported
from streamproc.transport.surface.agent import Agent
from streamproc.transport.surface.stream import Stream
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
        raise Unsupported(
            f"rdkafka:// does not carry tables yet (found {', '.join(map(str, app.tables))}): their changelog "
            "would not be part of the transaction. Use kafka://, or keep the state elsewhere."
        )
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
