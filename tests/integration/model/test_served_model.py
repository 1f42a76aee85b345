"""The real Triton serves the model in the tree: onnxruntime's logits, many activities at once, clear refusals."""

from __future__ import annotations

import asyncio
import hashlib

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from streamproc.inference.engine import Priority
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of
from streamproc.settings import TritonSettings
from streamproc.training.evaluate import MODEL, Recogniser

AUDIO_SECONDS = 600.0


async def test_activities_at_once_get_what_onnxruntime_gives(triton_url: str) -> None:
    rng = np.random.default_rng(1)
    activities = [
        [0.1 * rng.standard_normal(int(rng.integers(0, 60_000)), dtype=np.float32) for _ in range(int(count))]
        for count in rng.integers(1, 6, size=40)
    ]
    engine = pool_of([triton_url], built_in("phonemes", "2"), 60, AUDIO_SECONDS)
    try:
        identity = await engine.start()
        answers = await asyncio.gather(*(engine.infer(clips) for clips in activities))
    finally:
        await engine.close()
    assert identity.sha256 == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    recogniser = Recogniser(MODEL)
    for clips, answer in zip(activities, answers, strict=True):
        for clip, logits in zip(clips, answer.logits, strict=True):
            (expected,) = recogniser.logits([clip if len(clip) else np.zeros(1, np.float32)])
            assert logits.shape == expected.shape
            assert len(clip) == 0 or np.abs(logits - expected).max() < 1e-3


async def test_requests_share_a_batch(triton_url: str) -> None:
    engine = pool_of([triton_url], built_in("phonemes", "2"), 60, AUDIO_SECONDS)
    clip = np.zeros(48_000, dtype=np.float32)

    def executions() -> tuple[int, int]:
        with InferenceServerClient(triton_url) as client:
            stats = client.get_inference_statistics("phonemes", "2", as_json=True)["model_stats"][0]
        return int(stats.get("inference_count", 0)), int(stats.get("execution_count", 0))

    await engine.start()
    before = executions()
    try:
        await asyncio.gather(*(engine.infer([clip]) for _ in range(128)))
    finally:
        await engine.close()
    # Triton answers a batch before it counts it.
    async with asyncio.timeout(30):
        while executions()[0] - before[0] < 128:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    inferences, runs = (after - earlier for after, earlier in zip(executions(), before, strict=True))
    assert inferences == 128
    assert runs < inferences


def test_its_queue_of_each_priority_is_bounded_in_length_and_in_time(triton_url: str) -> None:
    with InferenceServerClient(triton_url) as client:
        batching = client.get_model_config("phonemes").config.dynamic_batching
    assert (batching.priority_levels, batching.default_priority_level) == (len(Priority), Priority.LIVE)
    for policy in (batching.default_queue_policy, batching.priority_queue_policy[Priority.REPLAY]):
        assert 0 < policy.max_queue_size <= 1024
        assert 0 < policy.default_timeout_microseconds / 1e6 < TritonSettings().timeout
        assert policy.timeout_action == policy.REJECT


@pytest.mark.parametrize("length", [-1, 801])
def test_a_wrong_length_is_refused_and_the_next_request_served(triton_url: str, length: int) -> None:
    def ask(samples: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        audio = InferInput("AUDIO", [1, 800], "FP32").set_data_from_numpy(np.zeros((1, 800), np.float32))
        lengths = InferInput("LENGTHS", [1, 1], "INT32").set_data_from_numpy(np.array([[samples]], np.int32))
        frames: np.ndarray[tuple[int, ...], np.dtype[np.int32]] = client.infer("phonemes", [audio, lengths]).as_numpy(
            "FRAMES"
        )
        return frames

    with InferenceServerClient(triton_url) as client:
        with pytest.raises(InferenceServerException, match="LENGTHS must be 0 to 800") as refused:
            ask(length)
        assert "INVALID_ARGUMENT" in str(refused.value.status())
        assert ask(800).tolist() == [[3]]
