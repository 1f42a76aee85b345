"""Whether a Kafka broker answers, asked by a client of its own: what the driver waits for holds nobody up."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient

from streamproc.settings import Settings


class KafkaProbe:
    """One connection to each broker, made when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None

    def ask(self, timeout: float) -> None:
        """Have any broker describe the topic of activities; blocks for ``timeout`` seconds at most.

        Raises:
            KafkaException: none did.
        """
        if self._client is None:
            kafka = self._settings.kafka
            self._client = AdminClient({**self._settings.transport.client(kafka.bootstrap_servers), "log_level": 0})
        self._client.list_topics(self._settings.kafka.activity_topic, timeout=timeout)
