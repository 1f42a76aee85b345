"""Kafka's error codes by what they mean, once for the whole project: what follows from them, each caller decides."""

from __future__ import annotations

from confluent_kafka import KafkaError

#: A wrong login.
LOGIN = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
#: The login is right, and may not do this.
PERMISSION = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
#: Whatever was asked, the brokers will not do it until a person changes something.
HOPELESS = LOGIN | PERMISSION | {KafkaError.UNSUPPORTED_VERSION}
#: No topic has this name. While one is being made, or its leader is looked for, some brokers say so too.
NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.TOPIC_EXCEPTION})
#: What was asked of a topic that must be there will never be done.
FATAL = HOPELESS | NO_TOPIC | {KafkaError.INVALID_TRANSACTION_TIMEOUT, KafkaError.OFFSET_METADATA_TOO_LARGE}

#: The brokers will refuse this record however often it is sent.
REFUSED_RECORD = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }
)
#: The same of this record or of one that was sent with it.
REFUSED = REFUSED_RECORD | {KafkaError._INVALID_DIFFERENT_RECORD}
#: librdkafka cannot read records: a wrong checksum, an unknown codec or format, content that does not unpack. It tells
#: of them, and goes on behind some of them as if they were not there.
UNREADABLE = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED})

#: No broker, or none any more, at the other end.
LINK_LOST = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
#: While these were reported, a request may have been sent twice or be on its way still.
LINK = LINK_LOST | {KafkaError._TIMED_OUT, KafkaError._RESOLVE}
#: What a call says whose reason only the error callback hears.
WAITED_IN_VAIN = frozenset(
    {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._MSG_TIMED_OUT}
)
#: A partition has no leader at this time, or another one than the client believed.
LEADERLESS = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
    }
)

#: The group moved on without this generation: routine around a rebalance. A static member that joins anew is fenced
#: with the generation that it left; whether another has taken its name, the consumer is told.
STALE = frozenset(
    {
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)
#: A consumer that hears these reads no more.
READER_ENDS = HOPELESS | {KafkaError._FATAL}
#: Nor does one of a group, whose topics must be there.
MEMBER_ENDS = READER_ENDS | NO_TOPIC | {KafkaError.FENCED_INSTANCE_ID}
#: Another producer has taken this transactional id.
FENCED_PRODUCER = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
#: What follows from a failure and does not say which.
CONSEQUENCE = frozenset({KafkaError._PURGE_QUEUE, KafkaError._FATAL})


def shuts_out(error: KafkaError) -> bool:
    """A wrong login, or a certificate that is not trusted: on either side, and until somebody changes something."""
    return error.code() in LOGIN or concerns_certificate(error)


def concerns_certificate(error: KafkaError) -> bool:
    """Whether brokers and client do not agree on TLS.

    In TLS 1.3 a broker judges the client's certificate when the client takes the connection for established (RFC 8446,
    section 2): librdkafka 2.16 then tells of a lost connection, and of the broker's alert in its text alone.
    """
    return error.code() == KafkaError._SSL or (error.code() == KafkaError._TRANSPORT and "SSL alert" in error.str())
