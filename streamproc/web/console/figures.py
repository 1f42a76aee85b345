"""What a worker says of itself on its page, to people and to the other workers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from streamproc.inference.endpoint import Endpoint
from streamproc.web.console.steered import SteeredFigures
from streamproc.web.console.told import Told, sums
from streamproc.web.console.verdict import Mood


class PartitionFigures(Told):
    """Of a partition that it has: records without an outcome, the age of the oldest that is taken in, events in flight,
    and whether it takes in no more for now.
    """

    partition: int
    unfinished: int
    oldest_s: float | None
    in_flight: int
    paused: bool


class EngineFigures(Told):
    """What scores, the model's name and version, its checksum, and whether the fallback scores instead."""

    name: str
    model: str
    sha256: str
    fallback: bool


class EndpointFigures(Told):
    """An inference server as this worker sees it: seconds of audio at work and at most, and how often it was ejected or
    full since the worker's start.
    """

    address: str
    usable: bool
    breaker: Literal["closed", "open", "half_open"]
    why: str
    outstanding_s: float
    limit_s: float
    rests_s: float
    refusals: int
    ejections: dict[str, int]

    @classmethod
    def of(cls, endpoint: Endpoint[Any]) -> EndpointFigures:
        """As of now."""
        return cls(
            address=endpoint.address,
            usable=endpoint.available,
            breaker=endpoint.breaker.state.value,
            why=endpoint.ejected,
            outstanding_s=round(endpoint.outstanding, 1),
            limit_s=round(endpoint.limiter.limit, 1),
            rests_s=round(endpoint.rests_for, 2),
            refusals=endpoint.refusals,
            ejections={why.value: count for why, count in endpoint.ejections.items() if count},
        )


class WorkerFigures(Told):
    """Figures alone, nothing of any activity. ``id``: as in the name that it tells Kafka."""

    id: str
    version: str
    mood: Mood
    state: str
    in_flight: int
    most_in_flight: int
    outcomes: int
    transactions: dict[str, int]
    aborted: dict[str, int]
    rebalances: dict[str, int]
    partitions: tuple[PartitionFigures, ...]
    engine: EngineFigures
    endpoints: tuple[EndpointFigures, ...]
    steered: SteeredFigures = SteeredFigures()


def endpoints_together(workers: Iterable[WorkerFigures]) -> list[dict[str, Any]]:
    """Each inference server once, as all the workers that use it see it."""
    rows: dict[str, list[EndpointFigures]] = {}
    for worker in workers:
        for endpoint in worker.endpoints:
            rows.setdefault(endpoint.address, []).append(endpoint)
    return [_together(rows[address]) for address in sorted(rows)]


def _together(seen: Sequence[EndpointFigures]) -> dict[str, Any]:
    return {
        "address": seen[0].address,
        "workers": len(seen),
        "usable": sum(each.usable for each in seen),
        "breakers": sums({each.breaker: 1} for each in seen if each.breaker != "closed"),
        "why": sorted({each.why for each in seen if not each.usable and each.why}),
        "outstanding_s": round(sum(each.outstanding_s for each in seen), 1),
        "limit_s": round(sum(each.limit_s for each in seen), 1),
        "rests_s": max(each.rests_s for each in seen),
        "refusals": sum(each.refusals for each in seen),
        "ejections": sums(each.ejections for each in seen),
    }


def models_together(workers: Iterable[WorkerFigures]) -> list[dict[str, Any]]:
    """Each model that scores, and by how many workers: two while one replaces another."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for worker in workers:
        engine = worker.engine
        row = rows.setdefault(
            (engine.model, engine.sha256, engine.name),
            {"model": engine.model, "sha256": engine.sha256, "engine": engine.name, "workers": 0, "fallback": 0},
        )
        row["workers"] += 1
        row["fallback"] += engine.fallback
    return [rows[key] for key in sorted(rows)]


def totals(workers: Sequence[WorkerFigures]) -> dict[str, Any]:
    """Of all workers that have told."""
    return {
        "workers": len(workers),
        "in_flight": sum(each.in_flight for each in workers),
        "most_in_flight": sum(each.most_in_flight for each in workers),
        "transactions": sums(each.transactions for each in workers),
        "aborted": sums(each.aborted for each in workers),
    }
