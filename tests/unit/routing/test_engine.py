"""Who scores a reading, while the champion changes, a canary begins, fails and ends, and a shadow is compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from support.control_events import model
from support.pretend_models import PretendModels

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, Priority
from streamproc.routing.comparing import ComparedReading, Comparisons
from streamproc.routing.control import Canary, ControlState
from streamproc.routing.engine import Heard, RoutedEngine, RoutedReading
from streamproc.routing.guard import Verdict
from streamproc.routing.lanes import CONFIGURED
from streamproc.routing.split import in_canary

CLIPS = [np.zeros(16_000, np.float32)]
GONE = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "nobody is there")
ALL = Canary("c1", model(2), 1.0)
"""A canary of all learners: whoever reads, it is asked."""


class Scene:
    """A routed engine on pretended models, and what it told."""

    def __init__(self) -> None:
        self.models = PretendModels()
        self.proved: list[tuple[Canary, Verdict]] = []
        self.parts: list[str] = []
        configured = self.models.make(CONFIGURED)
        self.engine = RoutedEngine(
            configured, self.models.make, proved=lambda canary, verdict: self.proved.append((canary, verdict))
        )
        self.engine.routed = self.parts.append

    async def obey(self, state: ControlState) -> None:
        """Have it do what the topic says, as far as it can at once."""
        self.engine.apply(state)
        await turns()

    async def hear(self, learner: str = "anybody") -> Heard:
        return await self.engine.hear(learner, CLIPS, Priority.LIVE)

    async def version(self, learner: str = "anybody") -> str:
        """Of the model that scores a learner now."""
        return (await self.hear(learner)).inference.model.version


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.engine.start()
    yield scene
    await scene.engine.close()


async def test_without_control_events_the_configured_model_scores_alone(scene: Scene) -> None:
    heard = await scene.hear()
    assert (heard.inference.model.name, heard.rival, heard.guard) == ("configured", None, None)
    assert len(scene.models.made) == 1


async def test_a_reading_ends_with_the_champion_that_it_began_with(scene: Scene) -> None:
    old = scene.models.champion()
    old.answers.clear()
    begun = asyncio.create_task(scene.hear())
    await turns()
    await scene.obey(ControlState(champion=model(2)))
    assert await scene.version() == "2", "the next one has the new champion"
    assert not old.closed, "the old one has a reading still"
    old.answers.set()
    assert (await begun).inference.model.name == "configured"
    await turns()
    assert old.closed


async def test_a_champion_that_cannot_be_used_leaves_the_old_one_in_its_place(scene: Scene) -> None:
    scene.models.at_start[model(2)] = GONE
    await scene.obey(ControlState(champion=model(2)))
    assert (await scene.hear()).inference.model.name == "configured"
    del scene.models.at_start[model(2)]
    await scene.obey(ControlState(champion=model(2), revision=1))
    assert await scene.version() == "2"


async def test_other_weights_under_the_name_are_not_used(scene: Scene) -> None:
    scene.models.other_weights.add(model(2))
    await scene.obey(ControlState(canary=ALL))
    assert (await scene.hear()).inference.model.name == "configured"


async def test_a_canary_scores_its_learners_and_no_others(scene: Scene) -> None:
    await scene.obey(ControlState(canary=Canary("c", model(2), 0.2)))
    learners = [f"learner-{number}" for number in range(200)]
    versions = {learner: await scene.version(learner) for learner in learners}
    assert 20 < sum(version == "2" for version in versions.values()) < 60
    assert versions == {learner: await scene.version(learner) for learner in learners}, "the same ones again"


@pytest.mark.parametrize(
    "code", [ErrorCode.INFERENCE_UNAVAILABLE, ErrorCode.INFERENCE_TIMEOUT, ErrorCode.INFERENCE_REFUSED]
)
async def test_where_the_canary_fails_the_champion_answers(scene: Scene, code: ErrorCode) -> None:
    await scene.obey(ControlState(canary=ALL))
    scene.models.beside(model(2)).error = StreamprocError(code)
    heard = await scene.hear()
    assert heard.inference.model.name == "configured"
    assert scene.parts == ["instead"]


async def test_a_canary_that_fails_is_rolled_back_at_once_and_told_once(scene: Scene) -> None:
    await scene.obey(ControlState(canary=ALL))
    scene.models.beside(model(2)).error = GONE
    for _ in range(15):
        await scene.hear()
    ((canary, verdict),) = scene.proved
    assert (canary, verdict.what) == (ALL, "errors")
    asked = scene.models.beside(model(2)).calls
    await scene.obey(ControlState(canary=ALL, revision=5))
    await scene.hear()
    assert scene.models.beside(model(2)).calls == asked, "the log may not say so yet: it is not asked again"


async def test_what_both_fail_on_is_no_evidence(scene: Scene) -> None:
    await scene.obey(ControlState(canary=ALL))
    scene.models.beside(model(2)).error = scene.models.champion().error = GONE
    for _ in range(50):
        with pytest.raises(StreamprocError):
            await scene.hear()
    assert not scene.proved


async def test_a_full_queue_is_no_evidence(scene: Scene) -> None:
    await scene.obey(ControlState(canary=ALL))
    scene.models.beside(model(2)).error = StreamprocError(ErrorCode.INFERENCE_BUSY)
    for _ in range(50):
        await scene.hear()
    assert not scene.proved


async def test_a_canary_that_ends_is_used_no_more_from_that_moment(scene: Scene) -> None:
    await scene.obey(ControlState(canary=ALL))
    scene.engine.apply(ControlState(revision=1))
    assert (await scene.hear()).inference.model.name == "configured"
    await turns()
    assert scene.models.beside(model(2)).closed


async def test_a_canary_becomes_champion_without_a_gap(scene: Scene) -> None:
    await scene.obey(ControlState(canary=ALL))
    await scene.obey(ControlState(champion=model(2)))
    assert await scene.version() == "2"
    assert scene.models.beside(model(2)).closed
    assert not scene.models.champion(model(2)).closed


async def test_a_shadow_hears_the_same_clips_and_nobody_waits_for_it(scene: Scene) -> None:
    told: list[tuple[str, bool, ComparedReading | None]] = []
    comparisons = Comparisons(scene.engine, lambda *end: told.append(end))
    await scene.obey(ControlState(shadow=model(3)))
    shadow = scene.models.beside(model(3))
    heard = await scene.hear()
    assert heard.inference.model.name == "configured"
    assert comparisons.wants(heard, CLIPS)
    comparisons.begin(heard, CLIPS, judged(ComparedReading(1.0, 0.5, 1, 2)))
    await turns()
    assert told == [("compared", False, ComparedReading(1.0, 0.5, 1, 2))]
    assert shadow.priorities == [Priority.REPLAY]


@pytest.mark.parametrize("busy", ["champion", "shadow"])
async def test_under_load_the_comparison_goes_first(scene: Scene, busy: str) -> None:
    told: list[str] = []
    comparisons = Comparisons(scene.engine, lambda end, *_: told.append(end))
    await scene.obey(ControlState(shadow=model(3)))
    heard = await scene.hear()
    (scene.models.champion() if busy == "champion" else scene.models.beside(model(3))).has_room = False
    assert not comparisons.wants(heard, CLIPS)
    assert told == ["dropped"]


async def test_what_comparisons_hold_is_bounded(scene: Scene) -> None:
    comparisons = Comparisons(scene.engine, lambda *_: None)
    await scene.obey(ControlState(shadow=model(3)))
    scene.models.beside(model(3)).answers.clear()
    heard = await scene.hear()
    minute = [np.zeros(60 * 16_000, np.float32)]
    held = 0
    while comparisons.wants(heard, minute):
        comparisons.begin(heard, minute, judged(ComparedReading(None, None, 0, 0)))
        held += 1
    assert held == 2
    await comparisons.close()


async def test_a_canary_is_compared_with_the_champion_on_its_own_readings(scene: Scene) -> None:
    comparisons = Comparisons(scene.engine, lambda *_: None)
    await scene.obey(ControlState(canary=ALL))
    for _ in range(200):
        heard = await scene.hear()
        if heard.guard is None:
            break
        assert comparisons.wants(heard, CLIPS)
        comparisons.begin(heard, CLIPS, judged(ComparedReading(served=0.7, other=0.9, same=8, words=10)))
        await turns()
    ((_, verdict),) = scene.proved
    assert verdict.what == "fall"
    assert "20.0 points below" in verdict.reason


async def test_a_long_reading_beside_short_ones_does_not_prove_a_canary_slow(scene: Scene) -> None:
    await scene.obey(ControlState(canary=Canary("c", model(2), 0.2)))
    slow, champion = scene.models.beside(model(2)), scene.models.champion()
    slow.worked = 100 * champion.worked
    names = [f"learner-{number}" for number in range(50)]
    long = next(name for name in names if in_canary(name, 0.2))
    short = next(name for name in names if not in_canary(name, 0.2))
    guard = scene.engine.guard
    assert guard is not None
    reading = RoutedReading(scene.engine, long)
    for _ in range(60):
        assert (await reading.infer(CLIPS)).model.version == "2"
        await scene.hear(short)
    assert guard.evidence["latency"][0] == 1, "one reading is one observation"
    assert scene.engine.guard is guard
    assert not scene.proved


def judged(found: ComparedReading) -> Callable[[Inference], asyncio.Future[ComparedReading]]:
    def judge(_: Inference) -> asyncio.Future[ComparedReading]:
        future = asyncio.get_running_loop().create_future()
        future.set_result(found)
        return future

    return judge
