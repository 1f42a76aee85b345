"""Publishing activities."""

from __future__ import annotations

from streamproc.client.connection import Connection
from streamproc.client.publishing import About, EventPublisher
from streamproc.contracts.cloudevents import ACTIVITY_TYPE
from streamproc.contracts.codec import ActivityEncoder
from streamproc.contracts.generated.events import Activity
from streamproc.contracts.rules import validate
from streamproc.errors import ErrorCode

ACTIVITY_TOPIC = "reading.activity.v1"


class ActivityPublisher(EventPublisher[Activity]):
    """Publishes activities in order of ``send``, each learner's to one partition.

    Use it as a context manager, ``with`` or ``async with``; one publisher serves all threads of a process. Records
    are batched and sent by an idempotent producer: none is lost or doubled by its retries, which end after a minute.

    Args:
        connection: where Kafka and the registry are.
        source: who publishes, as a URI reference, for example "/reading-app"; CloudEvents' source.
        topic: where to.

    Raises:
        StreamprocError: on entering, within ten seconds: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING,
            REGISTRY_UNAVAILABLE or ACTIVITY_SCHEMA_MISSING. By ``send``, at once: ACTIVITY_INVALID, with every problem
            that a worker would find.
        RuntimeError: on entering ``with`` in asynchronous code, where ``async with`` is right.
        TypeError, ValueError: an argument is not what it must be.
    """

    invalid = ErrorCode.ACTIVITY_INVALID

    def __init__(self, connection: Connection, *, source: str, topic: str = ACTIVITY_TOPIC) -> None:
        super().__init__(connection, source, topic, ActivityEncoder)

    def about(self, event: Activity) -> About:
        """What its record says of an activity.

        Raises:
            StreamprocError: ACTIVITY_INVALID.
            TypeError: it is none.
        """
        validate(event)
        return About(event.learner_id, ACTIVITY_TYPE, event.activity_id, event.activity_id, event.submitted_at)
