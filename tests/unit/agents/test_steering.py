"""A worker that reads history again is steered by nobody."""

from __future__ import annotations

import pytest

from streamproc.agents.steering import Steering
from streamproc.contracts.registry import Registry
from streamproc.routing.follow import ControlFollower
from streamproc.settings import Settings

from ..scoring.test_activity import SilentEngine


@pytest.mark.parametrize("follows", [True, False])
async def test_who_does_not_follow_never_reads_the_control_topic(
    follows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def start(self: ControlFollower) -> None:
        asked.append("start")
        raise ConnectionError

    monkeypatch.setattr(ControlFollower, "start", start)
    registry = Registry(Settings().registry)
    steering = Steering(Settings(), registry, lambda wanted: SilentEngine(), lambda: 1.0, follows)
    try:
        if follows:
            with pytest.raises(ConnectionError):
                await steering.start()
        else:
            await steering.start()
            await steering.run()
        assert asked == (["start"] if follows else [])
        assert steering.engine.model == SilentEngine.model
    finally:
        await steering.close()
        await registry.close()
