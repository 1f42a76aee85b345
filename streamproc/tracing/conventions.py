"""Every name in our spans: OpenTelemetry's semantic conventions for messaging, and our own beside them.

Those for messaging are still in development: names may change with a release, and then they change here alone.
Source: https://github.com/open-telemetry/semantic-conventions/blob/main/docs/messaging/messaging-spans.md and kafka.md.
"""

from __future__ import annotations

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
"""Headers of W3C's trace context."""

SYSTEM = "messaging.system"
KAFKA = "kafka"
OPERATION_NAME = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
PARTITION = "messaging.destination.partition.id"
OFFSET = "messaging.kafka.offset"
GROUP = "messaging.consumer.group.name"
MESSAGE_ID = "messaging.message.id"
BODY_SIZE = "messaging.message.body.size"
BATCH_COUNT = "messaging.batch.message_count"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"

PROCESS, RECEIVE, SEND, SETTLE = "process", "receive", "send", "settle"
"""What ``messaging.operation.type`` can be, of those that we do."""
COMMIT = "commit"
"""The name of our operation of the type settle."""

ACTIVITY_ID = "streamproc.activity.id"
OUTCOME = "streamproc.outcome"
"""Of an event: COMPLETE, PARTIAL, dead_letter, given_up; of a transaction: committed, aborted, refused, in_doubt."""
ATTEMPTS = "streamproc.attempts"
"""One, and one more for each time that a step was begun again."""
KEPT = "streamproc.kept"
"""Why the trace is kept: sampled, dead_letter, retry, slow."""
REASON = "streamproc.reason"
CLIPS = "streamproc.inference.clips"
"""Clips in a request."""
CODE = "streamproc.code"

TRY_AGAIN = "trying again"
"""The moment in a span at which a step failed and was begun again."""


def operation(kind: str, topic: str) -> str:
    """The name of a span: low in cardinality, as the conventions ask for."""
    return f"{kind} {topic}"


def messaging(kind: str, topic: str, name: str = "") -> dict[str, str | int]:
    """What every messaging span says; ``name``: of the operation, where it is not its type's."""
    return {SYSTEM: KAFKA, OPERATION_TYPE: kind, OPERATION_NAME: name or kind, DESTINATION: topic}
