"""Changelogs as their brokers describe them, and as they must be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from faust.types import TP

from streamproc.transport.codes import HOPELESS, NO_TOPIC
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import Log
from streamproc.transport.kafka.admin import END, FIRST, REQUEST_S, RETRY_S, Admin

logger = logging.getLogger(__name__)

#: A broker may not have heard yet of a topic that another one has just made.
_MISSING_S = 10.0

_Answer = TypeVar("_Answer")


class Changelogs:
    """Asks the brokers about changelogs. Every method blocks, and tries again until it succeeds or ``stopped()``."""

    def __init__(
        self, config: dict[str, Any], topic: Callable[[str], tuple[Mark, int]], stopped: Callable[[], bool]
    ) -> None:
        """``topic``: which topic has a name, and how many partitions, in one attempt; raises KafkaException."""
        self._admin = Admin(config)
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
        topics = {name: self.mark(name) for name in {tp.topic for tp in tps}}
        retention = {name: self._tombstones(name, mark) for name, mark in topics.items()}
        ask = partial(self._admin.offsets, tps, isolation=IsolationLevel.READ_UNCOMMITTED)
        first, end = (self._try(partial(ask, spec), "the ends of changelogs") for spec in (FIRST, END))
        return {tp: Log(topics[tp.topic], first[tp], end[tp], retention[tp.topic], asked) for tp in tps}

    def mark(self, name: str) -> Mark:
        """Which topic has a changelog's name now.

        Raises:
            TransportError: as ``describe``.
        """
        return self._try(lambda: self._topic(name)[0], f"the changelog {name!r}")

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

        def question(client: AdminClient) -> dict[str, str]:
            found = client.describe_configs([resource], request_timeout=REQUEST_S)[resource].result()
            return {key: str(entry.value) for key, entry in found.items()}

        return self._try(partial(self._admin.ask, question), f"the settings of {name!r}")

    def _tombstones(self, name: str, mark: Mark) -> float:
        """For how many seconds a topic keeps tombstones."""
        if mark not in self._retention:
            self._retention[mark] = float(self._config_of(name)["delete.retention.ms"]) / 1000
        return self._retention[mark]

    def _try(self, ask: Callable[[], _Answer], what: str) -> _Answer:
        give_up = time.monotonic() + _MISSING_S
        while not self._stopped():
            try:
                return ask()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() in HOPELESS:
                    raise TransportError(f"Kafka does not let this worker read {what}: {reason.str()}") from error
                if reason.code() in NO_TOPIC and time.monotonic() > give_up:
                    raise TransportError(f"There is no such topic: {what}") from error
                logger.warning("Reading %s: %s; trying again", what, reason.name())
                time.sleep(RETRY_S)
        raise TransportError("stopped")
