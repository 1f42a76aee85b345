"""The records that publish a result: under several major versions at once, as a migration needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamproc.contracts import files, majors
from streamproc.contracts.codec import ResultEncoder
from streamproc.contracts.generated.events import Result
from streamproc.contracts.registry import Registry


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """One record that publishes a result."""

    topic: str
    value: bytes
    event_type: str
    """CloudEvents' type: the full name of the Avro record."""


class ResultEncoders:
    """Writes each result once for every major version that is published.

    All records of one result belong into one transaction: readers of either topic see the same results.

    Args:
        registry: where the schemas' ids are looked up.
        topics: contract of a major version -> topic.

    Raises:
        KeyError: a contract that is no major version of results.
    """

    def __init__(self, registry: Registry, topics: Mapping[str, str]) -> None:
        self._encoders = [
            (topic, _full_name(contract), ResultEncoder(registry, topic, majors.of_contract(contract)))
            for contract, topic in topics.items()
        ]

    async def start(self) -> None:
        """Look up every schema's id.

        Raises:
            StreamprocError: RESULT_SCHEMA_MISSING (fatal); REGISTRY_UNAVAILABLE (transient).
        """
        for _, _, encoder in self._encoders:
            await encoder.start()

    def encode(self, result: Result) -> list[EncodedResult]:
        """The records that publish ``result``."""
        return [EncodedResult(topic, encoder.encode(result), name) for topic, name, encoder in self._encoders]


def _full_name(contract: str) -> str:
    schema = files.newest(contract).schema
    return f"{schema['namespace']}.{schema['name']}"
