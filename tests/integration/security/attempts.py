"""What publishers, followers and subscribers do that Kafka does not let in."""

from __future__ import annotations

import pytest
from support.activities import activity, clip, inline, phrase

from streamproc.client import ActivityPublisher, Connection, OutcomeFollower, Receipt, ResultSubscriber
from streamproc.errors import StreamprocError


def failure(user: str, connection: Connection) -> StreamprocError:
    """What this user's attempt to publish or to read ends with."""
    with pytest.raises(StreamprocError) as caught:
        _use(user, connection)
    return caught.value


def _use(user: str, connection: Connection) -> None:
    if user == "publisher":
        with ActivityPublisher(connection, source="/tests") as publisher:
            publisher.send(activity(phrase(inline(clip(0.5))))).result(30)
    elif user == "follower":
        with OutcomeFollower(connection) as outcomes:
            outcomes.outcome(Receipt("reading.activity.v1", 0, 0)).result(10)
    else:
        next(iter(ResultSubscriber(connection, "my-service")))
