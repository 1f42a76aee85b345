"""Whether the worker should be given work: what it needs for that, and the one word that says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is asked of the worker, at each look.

    registry: the schemas of results are looked up. engine: something can score now. joined: it has had its share of the
    partitions, and no rebalance is under way. stopping: it drains. paused: why it begins nothing new; empty while it
    does. stalled: seconds for which it has got nowhere with the events that it has; None while it does get on.
    """

    registry: Callable[[], bool]
    engine: Callable[[], bool]
    joined: Callable[[], bool]
    stopping: Callable[[], bool]
    paused: Callable[[], list[str]]
    stalled: Callable[[], float | None]

    def answer(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and what a page says of it: ``status``, ``checks``, and more."""
        checks = {"registry": self.registry(), "engine": self.engine(), "joined": self.joined()}
        said: dict[str, Any]
        if self.stopping():
            said = {"status": "stopping"}
        elif not (checks["registry"] and checks["joined"]):
            said = {"status": "starting"}
        elif reasons := self.paused():
            said = {"status": "paused", "reasons": reasons}
        elif (seconds := self.stalled()) is not None:
            said = {"status": "stalled", "seconds": round(seconds)}
        elif not checks["engine"]:
            said = {"status": "no engine"}
        else:
            said = {"status": "ready"}
        return said["status"] == "ready", {**said, "checks": checks}
