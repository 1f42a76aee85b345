"""Publishing corrections: a teacher overrules a verdict."""

from __future__ import annotations

from streamproc.client.connection import Connection
from streamproc.client.publishing import About, EventPublisher
from streamproc.contracts.cloudevents import CORRECTION_TYPE
from streamproc.contracts.codec import CorrectionEncoder
from streamproc.contracts.corrections import check
from streamproc.contracts.generated.events_correction import Correction
from streamproc.errors import ErrorCode

CORRECTION_TOPIC = "reading.correction.v1"


class CorrectionPublisher(EventPublisher[Correction]):
    """Publishes corrections in order of ``send``, each learner's to one partition; ``overrule`` makes them of results.

    Use it as a context manager, ``with`` or ``async with``; one publisher serves all threads of a process. A correction
    that is published twice counts once.

    Args:
        connection: where Kafka and the registry are.
        source: who publishes, as a URI reference, for example "/teachers-app"; CloudEvents' source.
        topic: where to.

    Raises:
        StreamprocError: on entering, within ten seconds: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING,
            REGISTRY_UNAVAILABLE or CORRECTION_SCHEMA_MISSING. By ``send``, at once: CORRECTION_INVALID.
        RuntimeError: on entering ``with`` in asynchronous code, where ``async with`` is right.
        TypeError, ValueError: an argument is not what it must be.
    """

    invalid = ErrorCode.CORRECTION_INVALID

    def __init__(self, connection: Connection, *, source: str, topic: str = CORRECTION_TOPIC) -> None:
        super().__init__(connection, source, topic, CorrectionEncoder)

    def about(self, event: Correction) -> About:
        """What its record says of a correction.

        Raises:
            StreamprocError: CORRECTION_INVALID.
            TypeError: it is none.
        """
        if not isinstance(event, Correction):
            raise TypeError(f"a Correction is published, not a {type(event).__name__}")
        check(event)
        return About(event.learner_id, CORRECTION_TYPE, event.correction_id, event.activity_id, event.corrected_at)
