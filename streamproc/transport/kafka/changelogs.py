"""Changelogs as their brokers describe them, and as they must be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from faust.types import TP

from streamproc.transport.codes import HOPELESS, NO_TOPIC
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import Log

logger = logging.getLogger(__name__)

_FIRST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_REQUEST_S = 5.0
_RETRY_S = 0.1
#: A broker may not have heard yet of a topic that another one has just made.
_MISSING_S = 10.0

_Answer = TypeVar("_Answer")


class Changelogs:
    """Asks the brokers about changelogs. Every method blocks, and tries again until it succeeds or ``stopped()``."""

    def __init__(
        self, config: dict[str, Any], topic: Callable[[str], tuple[Mark, int]], stopped: Callable[[], bool]
    ) -> None:
        """``topic``: which topic has a name, and how many partitions, in one attempt; raises KafkaException."""
        self._config = config
        self._admin = AdminClient(config)
        self._topic = topic
        self._stopped = stopped
        self._retention: dict[Mark, float] = {}

    def describe(self, tps: Sequence[TP]) -> dict[TP, Log]:
        """These partitions as they are now.

        Raises:
            TransportError: the brokers refuse, or the worker stops.
        """
        asked = time.time()
        # In this order: a topic that is made anew in between has a new id at the next look.
        topics = {name: self._mark(name) for name in {tp.topic for tp in tps}}
        retention = {name: self._tombstones(name, mark) for name, mark in topics.items()}
        first, end = self._ends(tps, _FIRST), self._ends(tps, _END)
        return {tp: Log(topics[tp.topic], first[tp], end[tp], retention[tp.topic], asked) for tp in tps}

    def check(self, name: str) -> None:
        """Look at a changelog before anything is read from it or written to it.

        Raises:
            TransportError: records are not kept for ever in it; or the brokers refuse.
        """
        settings = self._config_of(name)
        policy = settings["cleanup.policy"]
        limits = [limit for limit in ("retention.ms", "retention.bytes") if settings[limit] != "-1"]
        if "delete" in policy and limits:
            raise TransportError(
                f"The changelog {name!r} has cleanup.policy={policy} and {limits[0]}={settings[limits[0]]}: what a "
                "table holds would be deleted with time. Let it be compacted only: "
                f"kafka-configs.sh --alter --topic {name} --add-config cleanup.policy=compact"
            )

    def _config_of(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)

        def ask() -> dict[str, str]:
            found = self._admin.describe_configs([resource], request_timeout=_REQUEST_S)[resource].result()
            return {key: str(entry.value) for key, entry in found.items()}

        return self._try(ask, f"the settings of {name!r}")

    def _mark(self, name: str) -> Mark:
        return self._try(lambda: self._topic(name)[0], f"the changelog {name!r}")

    def _tombstones(self, name: str, mark: Mark) -> float:
        """For how many seconds a topic keeps tombstones."""
        if mark not in self._retention:
            self._retention[mark] = float(self._config_of(name)["delete.retention.ms"]) / 1000
        return self._retention[mark]

    def _ends(self, tps: Iterable[TP], spec: OffsetSpec) -> dict[TP, int]:
        def ask() -> dict[TP, int]:
            futures = self._admin.list_offsets(
                {TopicPartition(*tp): spec for tp in tps},
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=_REQUEST_S,
            )
            found = {TP(place.topic, place.partition): int(answer.result().offset) for place, answer in futures.items()}
            if min(found.values()) < 0:
                # librdkafka 2.16 answers for a leader that has just died, without an error.
                raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
            return found

        return self._try(ask, "the ends of changelogs")

    def _try(self, ask: Callable[[], _Answer], what: str) -> _Answer:
        give_up = time.monotonic() + _MISSING_S
        while not self._stopped():
            try:
                return ask()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                self._admin.poll(0)  # librdkafka's lines go to the log
                if reason.code() in HOPELESS:
                    raise TransportError(f"Kafka does not let this worker read {what}: {reason.str()}") from error
                if reason.code() in NO_TOPIC and time.monotonic() > give_up:
                    raise TransportError(f"There is no such topic: {what}") from error
                logger.warning("Reading %s: %s; trying again", what, reason.name())
                time.sleep(_RETRY_S)
                # An admin client that has lived through its broker's death may time out on every later request.
                self._admin = AdminClient(self._config)
        raise TransportError("stopped")
