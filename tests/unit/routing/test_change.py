"""Changing what the control topic says, where Kafka falls silent between the event and the answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from support.control_events import control_event

from streamproc.contracts.generated.events_control import ControlKind
from streamproc.errors import StreamprocError
from streamproc.routing import change
from streamproc.settings import Settings


class SilentLog:
    """Stands in for a topic that takes an event, and from then on tells nothing."""

    exists = True

    def __init__(self, _: Settings) -> None: ...

    def to_end(self) -> list[Any]:
        """Nothing so far."""
        return []

    def poll(self, _: float) -> tuple[list[Any], bool]:
        """Nothing, and no end either."""
        return [], False

    def close(self) -> None:
        """See ControlLog."""


class Encoder:
    """Stands in for the schema's."""

    def __init__(self, *_: object) -> None: ...

    async def start(self) -> None:
        """See ControlEncoder."""

    def encode(self, _: object) -> bytes:
        """Nothing."""
        return b""


async def test_an_event_that_cannot_be_read_back_is_told_and_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change, "ControlLog", SilentLog)
    monkeypatch.setattr(change, "ControlEncoder", Encoder)
    monkeypatch.setattr(change, "_write", lambda *_: 7)
    registry: Any = SimpleNamespace()
    told = "KAFKA_UNAVAILABLE: .*revision 7 is written, and cannot be read back: see 'streamproc models status'"
    with pytest.raises(StreamprocError, match=told):
        async with asyncio.timeout(10):
            await change.change(
                Settings(),
                registry,
                lambda _: control_event(ControlKind.SHADOW),
            )
