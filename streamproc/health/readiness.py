"""Whether the worker should be given work: what it needs for that, and the one word that says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is asked of the worker, at each look.

    schemas: those of results are looked up. kafka, registry: they answer. engine: something can score now. joined: it
    has had its share of the partitions, and no rebalance is under way. stopping: it drains. paused: why it begins
    nothing new; empty while it does. stalled: seconds for which it has got nowhere with the events that it has; None
    while it does get on.
    """

    schemas: Callable[[], bool]
    kafka: Callable[[], bool]
    registry: Callable[[], bool]
    engine: Callable[[], bool]
    joined: Callable[[], bool]
    stopping: Callable[[], bool]
    paused: Callable[[], list[str]]
    stalled: Callable[[], float | None]

    def answer(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and what a page says of it: ``status``, ``checks``, and more."""
        held = self.schemas()
        checks = {
            "kafka": self.kafka(),
            "registry": held and self.registry(),
            "engine": self.engine(),
            "joined": self.joined(),
        }
        said: dict[str, Any]
        if self.stopping():
            said = {"status": "stopping"}
        elif not checks["kafka"]:
            said = {"status": "no kafka"}
        elif not (held and checks["joined"]):
            said = {"status": "starting"}
        elif reasons := self.paused():
            said = {"status": "paused", "reasons": reasons}
        elif (seconds := self.stalled()) is not None:
            said = {"status": "stalled", "seconds": round(seconds)}
        elif not checks["engine"]:
            said = {"status": "no engine"}
        elif not checks["registry"]:
            said = {"status": "no registry"}
        else:
            said = {"status": "ready"}
        return said["status"] == "ready", {**said, "checks": checks}
