"""A worker that reads history again is steered by nobody."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support.control_events import model

from streamproc import app
from streamproc.agents.steering import Steering
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing.control import ControlState
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


@pytest.mark.parametrize("follows", [True, False])
async def test_who_does_not_follow_starts_whatever_the_champion_of_the_control_topic_is(
    follows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        return

    async def control(*_: object) -> SimpleNamespace:
        return SimpleNamespace(state=ControlState(champion=model()))

    def unusable(*_: object) -> SilentEngine:
        raise StreamprocError(ErrorCode.MODEL_UNSUITABLE, "no server has the champion")

    monkeypatch.setattr("streamproc.kafka.topics.check", lambda *_: None)
    monkeypatch.setattr("streamproc.contracts.live.check_before_start", nothing)
    monkeypatch.setattr(app, "read_all", control)
    monkeypatch.setattr(app, "create_engine", lambda *_: SilentEngine())
    monkeypatch.setattr(app, "engine_of", unusable)
    if follows:
        with pytest.raises(StreamprocError, match="no server has the champion"):
            await app.check_dependencies(Settings(), follows)
    else:
        await app.check_dependencies(Settings(), follows)
