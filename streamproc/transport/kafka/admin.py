"""Questions to the brokers by an admin client, which lives only as long as it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from faust.types import TP

FIRST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
END = OffsetSpec.latest()  # type: ignore[no-untyped-call]
REQUEST_S = 5.0
#: How long whoever asks again waits before that.
RETRY_S = 0.1

_Answer = TypeVar("_Answer")


class Admin:
    """An admin client. Every method blocks, and asks once."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._client = AdminClient(config)

    def ask(self, question: Callable[[AdminClient], _Answer]) -> _Answer:
        """Have a client answer.

        Raises:
            KafkaException: no answer, or a refusal.
        """
        client = self._client
        try:
            return question(client)
        except KafkaException:
            client.poll(0)  # librdkafka's lines go to the log
            # One that has lived through its broker's death may time out on every later request.
            self._client = AdminClient(self._config)
            raise

    def offsets(self, tps: Iterable[TP], spec: OffsetSpec, isolation: IsolationLevel) -> dict[TP, int]:
        """The first offsets of these, or their ends.

        Raises:
            KafkaException: as ``ask``; or one has no leader.
        """

        def question(client: AdminClient) -> dict[TP, int]:
            found = offsets_of(client, tps, spec, isolation)
            if min(found.values()) < 0:
                raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
            return found

        return self.ask(question)


def offsets_of(client: AdminClient, tps: Iterable[TP], spec: OffsetSpec, isolation: IsolationLevel) -> dict[TP, int]:
    """As a client answers: librdkafka 2.16 says -1 of a leader that has just died, without an error.

    Raises:
        KafkaException: no answer, or a refusal.
    """
    wanted = {TopicPartition(*tp): spec for tp in tps}
    asked = client.list_offsets(wanted, isolation_level=isolation, request_timeout=REQUEST_S)
    return {TP(place.topic, place.partition): int(answer.result().offset) for place, answer in asked.items()}
