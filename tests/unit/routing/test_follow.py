"""The follower of the control topic, when it has to begin anew: the log and the decoder are stand-ins."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from support.control_events import control_event, model
from support.waiting import PATIENCE

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing import follow, reading
from streamproc.routing.control import ControlState
from streamproc.settings import Settings


class Topic:
    """Stands in for Kafka: a log of champions, which fails once at its end and is read anew then."""

    def __init__(self) -> None:
        self.champions = [2, 3, 4]
        self.fails = True
        self.exists = True
        self.looked = threading.Event()
        """Set when it is asked again after it was read anew."""

    def to_end(self) -> list[Any]:
        """The whole log."""
        return [self._record(at, version) for at, version in enumerate(self.champions)]

    def poll(self, _: float) -> tuple[list[Any], bool]:
        """Nothing comes; at first it fails."""
        if self.fails:
            self.fails = False
            raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, "away")
        self.looked.set()
        return [], True

    def close(self) -> None:
        """See ControlLog."""

    @staticmethod
    def _record(at: int, version: int) -> Any:
        event = control_event(ControlKind.CHAMPION, model=model(version), expected_revision=at - 1)
        return SimpleNamespace(offset=lambda: at, value=lambda: event)


class Decoder:
    """Stands in for the schema's: the record holds the event itself."""

    def __init__(self, *_: object) -> None: ...

    async def decode(self, event: ControlEvent) -> ControlEvent:
        """The event."""
        return event


@pytest.mark.parametrize(
    ("then", "champion"),
    [([2, 3, 4], 4), ([2, 3, 4, 5], 5), ([7], 7), ([7, 8], 8)],
    ids=["nothing new", "one more", "a topic made anew", "with two events by now"],
)
async def test_after_a_failure_the_log_that_is_there_counts(
    monkeypatch: pytest.MonkeyPatch, then: list[int], champion: int
) -> None:
    topic = Topic()
    monkeypatch.setattr(follow, "ControlLog", lambda _: topic)
    monkeypatch.setattr(reading, "ControlDecoder", Decoder)
    monkeypatch.setattr(follow, "LOOK_AGAIN_S", 0.0)
    follower = follow.ControlFollower(Settings(), SimpleNamespace())  # type: ignore[arg-type]
    assert (await follower.start()).champion == model(4)
    topic.champions = then

    async def changed(_: ControlState) -> None: ...

    running = asyncio.create_task(follower.run(changed))
    assert await asyncio.to_thread(topic.looked.wait, 10.0 * PATIENCE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await follower.close()
    assert follower.state.champion == model(champion)
