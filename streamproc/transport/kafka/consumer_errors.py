"""What an error of librdkafka's consumer means: whether the worker can go on."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, Message

from streamproc.transport.codes import MEMBER_ENDS, UNREADABLE
from streamproc.transport.errors import TransportError

logger = logging.getLogger(__name__)


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
    if code in UNREADABLE:
        raise TransportError(
            f"{where}@{message.offset()}: the records here cannot be read ({error.str()}). Mend the log, for example "
            "from a replica; or give them up: move the group's offset behind them with kafka-consumer-groups.sh."
        )
    if error.fatal() or code in MEMBER_ENDS:
        raise TransportError(f"Kafka does not let this worker consume: {error.name()}: {error.str()}")
    logger.warning("Consumer: %s: %s", error.name(), error.str())
