"""The table of results' major versions: a new one is a row here, its schema file and what the generator makes of it.

All else follows from the table: what workers write and clients read, the settings of topics, what is registered,
created and shown. The order of work: the schema file and its table in ``compatibility.toml``, then the generator, then
the casts, then the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from streamproc.contracts import files
from streamproc.contracts.casts import downcast, upcast
from streamproc.contracts.generated import conversions, conversions_v2
from streamproc.contracts.generated import events as v1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Major(Generic[T]):
    """One major version of results; workers make version 1, and others are cast from it and to it."""

    number: int
    contract: str
    """Its folder under ``schemas/``."""
    from_avro: Callable[[dict[str, Any]], T]
    to_avro: Callable[[T], dict[str, Any]]
    upcast: Callable[[v1.Result], T]
    downcast: Callable[[T], v1.Result]

    @property
    def topic(self) -> str:
        """Where its results are, unless a setting says otherwise."""
        return f"reading.result.v{self.number}"

    @property
    def topic_setting(self) -> str:
        """The setting of section ``kafka`` that names its topic."""
        return "result_topic" if self.number == 1 else f"result_v{self.number}_topic"


def _same(result: v1.Result) -> v1.Result:
    return result


V1 = Major(1, files.RESULT, conversions.result_from_avro, conversions.result_to_avro, _same, _same)
V2 = Major(2, "reading.result.v2", conversions_v2.result_from_avro, conversions_v2.result_to_avro, upcast, downcast)

MAJORS: dict[int, Major[Any]] = {major.number: major for major in (V1, V2)}


def numbered(number: int) -> Major[Any]:
    """The major version of this number.

    Raises:
        ValueError: there is none.
    """
    if number not in MAJORS:
        known = " nor ".join(map(str, MAJORS))
        raise ValueError(f"major: {number!r} is neither {known}")
    return MAJORS[number]


def of_contract(contract: str) -> Major[Any]:
    """The major version that a contract holds.

    Raises:
        KeyError: a contract that is no major version of results.
    """
    return {major.contract: major for major in MAJORS.values()}[contract]


def caster(written: Major[Any], wanted: Major[T]) -> Callable[[Any], T]:
    """What makes the wanted version of one that was written."""
    if written is wanted:
        return lambda result: result
    return lambda result: wanted.upcast(written.downcast(result))
