"""The metrics of models in use: who scored, who was compared, how a canary stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Observation, get_meter_provider

from streamproc.inference.endpoint import Endpoint
from streamproc.inference.wiring import parts_of
from streamproc.routing.comparing import ComparedReading
from streamproc.routing.engine import RoutedEngine
from streamproc.routing.guard import BOUNDS
from streamproc.routing.standing import ENDS
from streamproc.telemetry.catalogue import named
from streamproc.telemetry.endpoints import observe

PARTS = ("champion", "canary", "instead")


class RoutingMetrics:
    """Shown from now on.

    Args:
        revision: of the control topic, as this worker has read it.
        evidence: of each test of the canary, from 0 to 1; empty: there is no canary.
    """

    def __init__(self, revision: Callable[[], int], evidence: Callable[[], Mapping[str, float]]) -> None:
        meter = get_meter_provider().get_meter("streamproc")
        self._routed = meter.create_counter(*named("streamproc_routed"))
        self._comparisons = meter.create_counter(*named("streamproc_comparisons"))
        self._words = meter.create_counter(*named("streamproc_compared_words"))
        self._rollbacks = meter.create_counter(*named("streamproc_canary_rollbacks"))
        for test in BOUNDS:
            self._rollbacks.add(0, {"test": test})
        for part in PARTS:
            self._routed.add(0, {"part": part})
        for of in ("canary", "shadow"):
            for end in ENDS:
                self._comparisons.add(0, {"of": of, "end": end})
            for verdict in ("same", "different"):
                self._words.add(0, {"of": of, "verdict": verdict})

        def evidences(_: CallbackOptions) -> Iterable[Observation]:
            found = evidence()
            return [Observation(found.get(test, 0.0), {"test": test}) for test in BOUNDS]

        def revisions(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(revision())]

        name, unit, meaning = named("streamproc_canary_evidence")
        meter.create_observable_gauge(name, [evidences], unit, meaning)
        name, unit, meaning = named("streamproc_control_revision")
        meter.create_observable_gauge(name, [revisions], unit, meaning)

    def routed(self, part: str) -> None:
        """A reading was answered by "champion" or "canary"; or by the champion "instead" of a canary that failed."""
        self._routed.add(1, {"part": part})

    def rolled_back(self, test: str) -> None:
        """This worker has proved that the canary leaves its bounds."""
        self._rollbacks.add(1, {"test": test})

    def compared(self, end: str, of_canary: bool, found: ComparedReading | None) -> None:
        """A comparison has ended, or was not begun."""
        of = "canary" if of_canary else "shadow"
        self._comparisons.add(1, {"of": of, "end": end})
        if found is not None:
            self._words.add(found.same, {"of": of, "verdict": "same"})
            self._words.add(found.words - found.same, {"of": of, "verdict": "different"})


class _ChampionsEndpoints:
    """Those that the champion has at each look: it may be another model then."""

    def __init__(self, engine: RoutedEngine) -> None:
        self._engine = engine

    def __iter__(self) -> Iterator[Endpoint[Any]]:
        pool, _ = parts_of(self._engine.champion)
        return iter(()) if pool is None else iter(pool.endpoints)

    def falls_back(self) -> bool:
        _, fallback = parts_of(self._engine.champion)
        return fallback is not None and fallback.active

    def waiting(self) -> float:
        pool, _ = parts_of(self._engine.champion)
        return 0.0 if pool is None else pool.waiting


def observe_champion(engine: RoutedEngine) -> None:
    """Show the metrics of the champion's endpoints, and of its fallback."""
    endpoints = _ChampionsEndpoints(engine)
    observe(endpoints, endpoints.falls_back, endpoints.waiting)
