"""Topics: creating them, and how many partitions they have."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.transport.errors import TransportError


class Topics:
    """Topics of one cluster. Methods block, where they do not say otherwise."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._admin: AdminClient | None = None
        self._partitions: dict[str, int] = {}
        self._lock = threading.Lock()

    def create(
        self,
        name: str,
        partitions: int,
        replication: int,
        *,
        config: Mapping[str, Any] | None = None,
        retention: float | None = None,
        compacting: bool | None = None,
        deleting: bool | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Create a topic; one that exists is left as it is.

        Args:
            retention: seconds.

        Raises:
            TransportError: the brokers refuse.
        """
        settings = {key: str(value) for key, value in (config or {}).items()}
        policy = [word for word, wanted in (("compact", compacting), ("delete", deleting)) if wanted]
        if policy:
            settings["cleanup.policy"] = ",".join(policy)
        if retention:
            settings["retention.ms"] = str(round(retention * 1000))
        topic = NewTopic(name, partitions, replication, config=settings)
        try:
            self._client().create_topics([topic], request_timeout=timeout)[name].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TransportError(f"Topic {name!r} cannot be created: {error.args[0].str()}") from error
        else:
            self._partitions[name] = partitions  # the broker that is asked next may not have heard of it yet

    def partitions(self, name: str) -> int | None:
        """How many partitions a topic has; None when there is no such topic."""
        count = self._partitions.get(name)
        return self.look_up(name) if count is None else count

    def known(self, name: str) -> int | None:
        """How many it had when somebody last asked; does not block."""
        return self._partitions.get(name)

    def look_up(self, name: str) -> int | None:
        """How many partitions a topic has at this time; None when there is no such topic."""
        client = self._client()
        metadata = client.list_topics(name, timeout=10.0).topics.get(name)
        client.poll(0)  # librdkafka's lines go to the log
        if metadata is None or metadata.error is not None or not metadata.partitions:
            return None
        count = self._partitions[name] = len(metadata.partitions)
        return count

    def _client(self) -> AdminClient:
        with self._lock:
            if self._admin is None:
                self._admin = AdminClient(self._config)
            return self._admin
