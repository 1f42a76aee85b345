"""What the transport raises: each message says what happened and what to change."""

from __future__ import annotations


class TransportError(Exception):
    """The worker cannot go on: a configuration, permission or log problem that trying again does not mend."""


class ShutOut(TransportError):  # noqa: N818
    """The brokers refuse the login, or we refuse their certificate; librdkafka would go on trying for ever."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Kafka does not let this worker in: {reason}: mind the transport's security_protocol, ca_file, "
            "sasl_mechanism, sasl_username, sasl_password, and ssl.certificate.location in its librdkafka"
        )


class Unsupported(TransportError):  # noqa: N818 - reads as what it says
    """The app uses a feature of Faust that this driver does not carry with its guarantee."""


class OffsetOutOfRange(TransportError):  # noqa: N818
    """The committed offset points outside the partition's log: records were deleted before they were processed."""


class Unsendable(TransportError, ValueError):  # noqa: N818
    """A send was refused because no Kafka client could carry it out: a type, a name or a number is wrong.

    Raised by the send itself, so that the agent decides, or ``on_raise``. It does not quote what was sent.
    """

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"Nothing was sent to topic {topic!r}: {reason}")


class SentAfterAck(TransportError):  # noqa: N818
    """A send came after its event was acknowledged: it can no longer share the event's transaction."""


class OutsideEvent(TransportError, TypeError):  # noqa: N818
    """A table was written where no event is worked on that the change could be committed with."""


class OutcomeRefused(TransportError):  # noqa: N818
    """The broker refuses an event's outcome for good, for example because it is too large.

    ``reason`` is Kafka's name of the error, ``topic`` the topic that refused.
    """

    def __init__(self, reason: str, topic: str, source: str) -> None:
        self.reason = reason
        self.topic = topic
        super().__init__(f"Kafka refuses an outcome of {source} on topic {topic!r}: {reason}")


class HandlerFailed(TransportError):  # noqa: N818
    """An agent raised on an event, and the policy is to stop."""
