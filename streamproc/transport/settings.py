"""The transport's settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from streamproc.transport.logs import librdkafka_logger

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

#: Largest record, before it is compressed, that is offered to brokers: they cut the connection at 100 MiB a request
#: (socket.request.max.bytes).
LARGEST_BYTES = 100_000_000

_MOST_RETRY_DELAY_S = 60.0
#: Enough for any first delay to become a minute.
_DOUBLINGS = 64

#: A member hears of a rebalance in the answer to a heartbeat. In the second round of a cooperative one a partition that
#: moves is nobody's until all have heard: with librdkafka's own 3 s that was most of the pause in a roll-out.
_HEARTBEAT_S = 0.5

#: librdkafka's settings that the promise rests on: the driver sets them.
_OURS = frozenset(
    {
        "bootstrap.servers",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "partition.assignment.strategy",
        "isolation.level",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "enable.idempotence",
        "enable.partition.eof",
        "transactional.id",
        "transaction.timeout.ms",
        "partitioner",
        "max.poll.interval.ms",
        "session.timeout.ms",
    }
)


_WITH_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def choice_in_any_case(model: type[BaseModel], field: str | None, value: Any) -> Any:
    """A value of a setting that is one of several words, written as the setting has it: others write SASL_SSL, info."""
    annotation = model.model_fields[field].annotation if field else None
    if isinstance(value, str) and get_origin(annotation) is Literal:
        return next((choice for choice in get_args(annotation) if str(choice).lower() == value.lower()), value)
    return value


class TransportSettings(BaseModel):
    """How `rdkafka://` consumes, orders, bounds and commits."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    ordering: Literal["key", "partition", "unordered"] = "key"
    """key: records of one key one after the other. partition: concurrent, outcomes in offset order. unordered."""
    assignment: Literal["cooperative-sticky", "range", "consumer"] = "cooperative-sticky"
    """How the group shares partitions: a classic strategy, or consumer: the brokers assign (KIP-848)."""
    group_instance_id: str = ""
    """Stable name of this worker (static membership, KIP-345); the transactional id is then stable too."""
    offset_reset: Literal["earliest", "latest"] = "earliest"
    """Where a group without a committed offset starts. Partitions that come later are read from their start."""
    out_of_range: Literal["stop", "earliest", "latest"] = "stop"
    """When the committed offset's records are gone, or its topic was deleted and made anew: stop and say so, or go on
    from one end of the log."""
    on_raise: Literal["stop", "skip", "retry"] = "stop"
    """When an agent raises: stop the worker, commit the event without outcomes, or deliver it again."""
    retry_backoff: Seconds = 0.5
    """First delay before an event is delivered again; doubles up to a minute, with jitter."""
    commit_interval: Seconds = 0.1
    """Seconds between transactions."""
    commit_every: Count = 10_000
    """Finished events that start a transaction before the interval is over."""
    max_in_flight: Count = 20_000
    """Events taken in and not committed, in this worker: at least what it finishes between two transactions. Half of it
    is kept free for partitions that have less than the others."""
    max_in_flight_bytes: Count = 64 * 1024 * 1024
    """Their keys and values and those of their outcomes, in bytes; half as much again may wait prefetched in
    librdkafka."""
    drain_timeout: Seconds = 5.0
    """Seconds that a rebalance waits for events in progress before it gives them up."""
    stop_timeout: Seconds = 30.0
    """Seconds that a stopping worker waits for events in progress before it gives them up."""
    session_timeout: Seconds = 30.0
    """Seconds of silence after which the group takes a worker for dead (with KIP-848 the brokers decide)."""
    max_poll_interval: Seconds = 300.0
    """Seconds without a poll after which a worker leaves its group."""
    transaction_timeout: Seconds = 10.0
    """Seconds after which the broker aborts the open transaction of a dead worker."""
    standby: Literal["none", "all"] = "none"
    """What a worker keeps of tables whose partitions are others': nothing, or everything, so that it takes a partition
    over within seconds. all: each worker has room for all of it, and a datadir of its own."""
    idle_time: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Seconds without a record after which time passes in a partition of which all is read and done: its stream time
    then follows the clock, so much behind it, for windows and timers. 0: only records move it, so that a replay gives
    the same windows, and what waits in a slow producer is not late."""
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How to talk to the brokers."""
    ca_file: str = ""
    """Certificates to trust, in PEM; empty: the system's."""
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = ""
    """How to authenticate."""
    sasl_username: str = ""
    """User."""
    sasl_password: str = Field(default="", repr=False)
    """Password."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    """How records are compressed before they are sent; brokers measure a record's size compressed."""
    tune_gc: bool = False
    """Whether to raise the thresholds of Python's collector of cycles when the worker starts, for the whole process:
    what is in flight holds no cycle, and it is most of what the collector looks at."""
    librdkafka: dict[str, str | int | float | bool] = Field(default={}, repr=False)
    """Further librdkafka settings for every client, for example {"socket.keepalive.enable": true}."""

    @field_validator("*", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any, info: ValidationInfo) -> Any:
        return choice_in_any_case(cls, info.field_name, value)

    @field_validator("librdkafka")
    @classmethod
    def _not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & value.keys()):
            raise ValueError(f"{', '.join(taken)}: set by the driver, the guarantee rests on it")
        return value

    @model_validator(mode="after")
    def _deadlines_in_order(self) -> TransportSettings:
        if self.drain_timeout >= self.max_poll_interval:
            raise ValueError("drain_timeout must be shorter than max_poll_interval, or a rebalance loses the group")
        return self

    @model_validator(mode="after")
    def _login_is_used(self) -> TransportSettings:
        if self.sasl_mechanism and not self.security_protocol.startswith("sasl_"):
            raise ValueError(
                f"sasl_mechanism has no effect with security_protocol {self.security_protocol!r}: use 'sasl_ssl'"
            )
        return self

    @model_validator(mode="after")
    def _login_is_whole(self) -> TransportSettings:
        given = self.librdkafka.keys()
        if not self.security_protocol.startswith("sasl_"):
            return self
        if not self.sasl_mechanism and not given & {"sasl.mechanism", "sasl.mechanisms"}:
            raise ValueError(f"sasl_mechanism is empty, and security_protocol {self.security_protocol!r} needs one")
        if self.sasl_mechanism in _WITH_PASSWORD:
            for name in ("sasl_username", "sasl_password"):
                if not getattr(self, name) and name.replace("_", ".") not in given:
                    raise ValueError(f"{name} is empty, and sasl_mechanism {self.sasl_mechanism!r} needs it")
        return self

    def retry_delay(self, attempts: int) -> float:
        """Seconds, before jitter, until an event is delivered again that agents have raised on so many times."""
        # An event may fail for ever, and no float holds the 1,024th doubling.
        return min(_MOST_RETRY_DELAY_S, self.retry_backoff * 2.0 ** min(attempts - 1, _DOUBLINGS))

    def client(self, servers: str) -> dict[str, Any]:
        """librdkafka settings that every client shares."""
        config: dict[str, Any] = {
            "bootstrap.servers": servers,
            "security.protocol": self.security_protocol,
            # A coordinator's connection that breaks is not always made again for the request that needs it: offsets of
            # a transaction, and an admin client's, then wait for ever (librdkafka 2.16). Keep all brokers connected.
            "enable.sparse.connections": False,
            "logger": librdkafka_logger(),
            # Nor close one for being idle: the next event would wait for it to come back, with all its handshakes.
            "connections.max.idle.ms": 0,
            # A broker that comes back is used a second later, as with the Java client; librdkafka waits up to ten.
            "reconnect.backoff.max.ms": 1_000,
            # New partitions are found, and read or written, this much later at most; librdkafka looks every 5 minutes.
            "topic.metadata.refresh.interval.ms": 10_000,
        }
        for name, value in (
            ("ssl.ca.location", self.ca_file),
            ("sasl.mechanism", self.sasl_mechanism),
            ("sasl.username", self.sasl_username),
            ("sasl.password", self.sasl_password),
        ):
            if value:
                config[name] = value
        return config | self.librdkafka

    def consumer(self, servers: str, group: str) -> dict[str, Any]:
        """librdkafka settings of the worker's consumer."""
        config = self.client(servers) | {
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Positions are resolved at assignment; one that leaves the log later must be an error, never a jump.
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            # Else a batch that is damaged on its way is read as it is.
            "check.crcs": True,
            "max.poll.interval.ms": round(self.max_poll_interval * 1000),
        }
        config.setdefault("queued.max.messages.kbytes", max(1024, self.max_in_flight_bytes // 2048))
        # librdkafka's own 100,000 a partition are filled slowly and hold memory; and once there are enough, it would
        # look again only after a second.
        config.setdefault("queued.min.messages", 10_000)
        config.setdefault("fetch.queue.backoff.ms", 20)
        config.setdefault("fetch.wait.max.ms", 100)
        if self.group_instance_id:
            config["group.instance.id"] = self.group_instance_id
        if self.assignment == "consumer":
            config["group.protocol"] = "consumer"
        else:
            config["partition.assignment.strategy"] = self.assignment
            session = min(self.session_timeout, self.max_poll_interval)
            config["session.timeout.ms"] = round(session * 1000)
            config.setdefault("heartbeat.interval.ms", round(min(session / 3, _HEARTBEAT_S) * 1000))
        return config

    def producer(self, servers: str, transactional_id: str | None) -> dict[str, Any]:
        """librdkafka settings of a producer; ``murmur2_random`` is the Java client's partitioner."""
        config = self.client(servers) | {"enable.idempotence": True, "partitioner": "murmur2_random"}
        config.setdefault("compression.type", self.compression)
        # Brokers have the last word on sizes: each topic has its own limit, of what is compressed; librdkafka knows one
        # limit, of what is not.
        config.setdefault("message.max.bytes", LARGEST_BYTES)
        if transactional_id is not None:
            config["transactional.id"] = transactional_id
            config["transaction.timeout.ms"] = round(self.transaction_timeout * 1000)
        return config
