"""What every inference engine is held to: one suite, with the model of this tree; an engine's tests inherit it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.engine import NOT_REMEMBERED, Engine, ModelIdentity, Piece, Priority, Samples
from support.scripted_stream import until

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/phonemes"
REPOSITORY = ROOT / "models"
MODEL = REPOSITORY / "phonemes/2/model.onnx"

AGREE = 1e-4
"""So far may a logit in fp32 be from another engine's."""

IN_FLIGHT = 2


def golden_clip() -> Samples:
    """A clip of speech; heard.json beside it holds what the model makes of it."""
    samples: Samples = soundfile.read(GOLDEN / "clip.flac", dtype="float32")[0]
    return samples


def noise(*lengths: int) -> list[Samples]:
    """Clips of noise."""
    rng = np.random.default_rng(1)
    return [0.1 * rng.standard_normal(length, dtype=np.float32) for length in lengths]


def frames_of(length: int) -> int:
    """Frames that the model of this tree gives for a clip."""
    return length // 320 + 1


class EngineSuite:
    """Inherit it, call the class Test…, and make the engine."""

    engine = ""
    """What results call it."""

    goes_on = True
    """Whether it goes on with a recording where a piece of it begins."""

    def make(self, timeout: float = 60.0) -> Engine:
        """An engine that serves the model of this tree with IN_FLIGHT calls at once, not started."""
        raise NotImplementedError

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Engine]:
        """An engine that is started."""
        engine = self.make()
        try:
            await engine.start()
            yield engine
        finally:
            await engine.close()

    async def test_the_golden_clip_has_its_logits(self) -> None:
        expected = json.loads((GOLDEN / "heard.json").read_text())
        async with self.started() as engine:
            (logits,) = (await engine.infer([golden_clip()])).logits
        # The file's own are rounded to four places.
        assert np.abs(logits[:: expected["every"]] - np.array(expected["logits"])).max() < AGREE + 5e-5

    async def test_answers_come_in_order_whatever_their_number(self) -> None:
        lengths = [16_000, 320, 48_000, 1_600, 640, *[8_000] * 40, 12_800]
        async with self.started() as engine:
            answers = (await engine.infer(noise(*lengths))).logits
        assert [len(answer) for answer in answers] == [frames_of(length) for length in lengths]
        for answer in answers:
            assert answer.dtype == np.float32
            assert answer.shape[1] == 41
            assert np.isfinite(answer).all()

    async def test_a_clip_is_heard_the_same_in_any_company(self) -> None:
        clip, *others = noise(32_000, 4_000, 64_000)
        async with self.started() as engine:
            (alone,) = (await engine.infer([clip])).logits
            _, beside, _ = (await engine.infer([others[0], clip, others[1]])).logits
        assert alone.shape == beside.shape
        assert np.abs(alone - beside).max() < AGREE

    async def test_pieces_of_a_recording_have_the_logits_of_the_whole(self) -> None:
        recording = np.concatenate([0.02 * noise(100_000)[0], np.tile(golden_clip(), 6), *noise(50_001)])
        cuts, after = [0, 96_000, 96_320, 250_880, len(recording)], None
        async with self.started() as engine:
            (whole,) = (await engine.infer([recording])).logits
            for begin, end in pairwise(cuts):
                piece = Piece.going_on(recording[begin : end + NOT_REMEMBERED], after)
                beside = noise(len(piece) - 640)[0]
                heard, other = (await engine.infer([piece, beside])).logits
                assert len(heard) == frames_of(len(piece))
                assert len(other) == frames_of(len(beside))
                if not self.goes_on:
                    assert piece.after is None
                    continue
                assert piece.after is not None
                after = piece.after
                own = heard[: (end - begin) // 320]
                assert np.abs(own - whole[begin // 320 :][: len(own)]).max() < 10 * AGREE

    async def test_what_another_model_remembers_is_of_no_use_and_does_no_harm(self) -> None:
        strange = Piece.going_on(golden_clip(), np.zeros(7, np.float32))
        async with self.started() as engine:
            (logits,) = (await engine.infer([strange])).logits
        assert strange.after is None
        assert len(logits) == frames_of(len(strange))

    async def test_clips_may_be_empty(self) -> None:
        async with self.started() as engine:
            assert (await engine.infer([])).logits == []
            nothing, little, one = (await engine.infer(noise(0, 1, 16_000))).logits
        assert max(len(nothing), len(little)) <= 1
        assert len(one) == frames_of(16_000)

    async def test_the_model_is_named_exactly(self) -> None:
        found = ModelIdentity("phonemes", "2", hashlib.sha256(MODEL.read_bytes()).hexdigest())
        engine = self.make()
        try:
            assert await engine.start() == engine.model == found
            answer = await engine.infer(noise(320))
            assert answer.model == found
            assert answer.engine == engine.name == self.engine
        finally:
            await engine.close()

    async def test_more_calls_than_places_wait_and_none_fails(self) -> None:
        async with self.started() as engine:
            answers = await asyncio.gather(*(engine.infer(noise(length * 320)) for length in range(1, 41)))
        assert [len(answer.logits[0]) for answer in answers] == [frames_of(320 * length) for length in range(1, 41)]
        waited = sorted(answer.waited for answer in answers)
        assert waited[0] < waited[-1]
        assert all(answer.worked > 0 for answer in answers)

    async def test_live_calls_are_answered_before_replays(self) -> None:
        ends: list[Priority] = []
        clips = noise(10 * 16_000)

        async def call(priority: Priority) -> None:
            await engine.infer(clips, priority)
            ends.append(priority)

        async with self.started() as engine, asyncio.TaskGroup() as calls:
            for _ in range(10 * IN_FLIGHT):
                calls.create_task(call(Priority.REPLAY))
            await asyncio.sleep(0)
            for _ in range(IN_FLIGHT):
                calls.create_task(call(Priority.LIVE))
        # Replays in flight when the live ones came are not put off.
        last = max(index for index, priority in enumerate(ends) if priority is Priority.LIVE)
        assert last < len(ends) / 2

    async def test_room_is_told_and_waited_for(self) -> None:
        clips = noise(10 * 16_000)
        async with self.started() as engine:
            assert engine.has_room
            await engine.room()
            calls = [asyncio.create_task(engine.infer(clips)) for _ in range(200)]
            await until(lambda: not engine.has_room)
            waiting = asyncio.create_task(engine.room())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            for call in calls[1:]:
                call.cancel()
            await asyncio.wait_for(waiting, 20)
            assert engine.has_room
            await asyncio.gather(*calls, return_exceptions=True)
            assert calls[0].exception() is None

    async def test_nobody_waits_for_the_room_of_an_engine_that_is_closed(self) -> None:
        async with self.started() as engine:
            calls = [asyncio.create_task(engine.infer(noise(10 * 16_000))) for _ in range(200)]
            await until(lambda: not engine.has_room)
            waiting = asyncio.create_task(engine.room())
            await asyncio.sleep(0)
            await engine.close()
            await asyncio.wait_for(waiting, 20)
            await asyncio.gather(*calls, return_exceptions=True)

    async def test_a_clip_without_numbers_is_the_poison_and_the_next_is_heard(self) -> None:
        bad = noise(16_000)[0]
        bad[5_000] = np.nan
        async with self.started() as engine:
            with pytest.raises(StreamprocError) as caught:
                await engine.infer([bad, *noise(16_000)])
            assert caught.value.code is ErrorCode.INFERENCE_REFUSED
            assert caught.value.code.error_class is ErrorClass.POISON
            assert len((await engine.infer(noise(16_000))).logits[0]) == frames_of(16_000)

    async def test_a_deadline_that_cannot_be_kept_is_told(self) -> None:
        engine = self.make(timeout=1e-4)
        try:
            with pytest.raises(StreamprocError) as caught:
                await engine.start()
        finally:
            await engine.close()
        assert caught.value.code is ErrorCode.INFERENCE_TIMEOUT
        assert caught.value.code.error_class is ErrorClass.TRANSIENT

    async def test_who_gives_up_is_let_go_at_once_and_leaves_the_places_free(self) -> None:
        long = noise(300 * 16_000)
        async with self.started() as engine:
            calls = [asyncio.create_task(engine.infer(long)) for _ in range(3 * IN_FLIGHT)]
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            for call in calls:
                call.cancel()
            assert all(
                isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True)
            )
            assert time.perf_counter() - began < 0.5
            assert len((await engine.infer(noise(16_000))).logits[0]) == frames_of(16_000)

    async def test_the_event_loop_is_never_held_up(self) -> None:
        held, long = 0.0, noise(300 * 16_000)
        async with self.started() as engine:
            call = asyncio.create_task(engine.infer(long))
            while not call.done():
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                held = max(held, time.perf_counter() - began)
            worked = (await call).worked
        assert held < max(0.5 * worked, 0.1)

    async def test_calls_in_flight_and_later_ones_fail_when_it_is_closed(self) -> None:
        long = noise(300 * 16_000)
        async with self.started() as engine:
            calls = [asyncio.create_task(engine.infer(long)) for _ in range(2 * IN_FLIGHT)]
            await asyncio.sleep(0.05)
            await engine.close()
            calls.append(asyncio.create_task(engine.infer(noise(320))))
            ends = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20)
        codes = {end.code if isinstance(end, StreamprocError) else end for end in ends}
        assert codes == {ErrorCode.INFERENCE_UNAVAILABLE}

    async def test_it_may_be_closed_without_a_start_and_twice(self) -> None:
        engine = self.make()
        await engine.close()
        await engine.close()
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(noise(320))
        assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
