"""What an error of librdkafka's consumer means: whether the worker can go on."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, Message

from streamproc.transport.errors import TransportError

logger = logging.getLogger(__name__)

#: Records that cannot be read: a wrong checksum, an unknown codec or format, content that does not unpack. librdkafka
#: tells of them, and goes on behind some of them as if they were not there.
_UNREADABLE = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED})
_FATAL = frozenset(
    {
        KafkaError._FATAL,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._AUTHENTICATION,
    }
)


def judge(error: KafkaError, message: Message) -> None:
    """Log an error that goes away by itself; ``message`` is what the consumer brought it with.

    Raises:
        TransportError: it does not, or records would be passed over.
    """
    code, where = error.code(), f"{message.topic()}[{message.partition()}]"
    if code == KafkaError._AUTO_OFFSET_RESET:
        raise TransportError(
            f"{where}: the position left the log, records were deleted before they were read ({error.str()}). "
            "Start again; the transport's out_of_range says where to go on."
        )
    if code in _UNREADABLE:
        raise TransportError(
            f"{where}@{message.offset()}: the records here cannot be read ({error.str()}). Mend the log, for example "
            "from a replica; or give them up: move the group's offset behind them with kafka-consumer-groups.sh."
        )
    if error.fatal() or code in _FATAL:
        raise TransportError(f"Kafka does not let this worker consume: {error.name()}: {error.str()}")
    logger.warning("Consumer: %s: %s", error.name(), error.str())
