"""``streamproc models drift`` on a real results topic: people's readings of several days, as they were and in noise."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from support.activities import activity, encode, inline, phrase
from support.contract_fixtures import Topics, kafka_topics, registered, registry, topics

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.fetch import ClipFetcher
from streamproc.cli import cli
from streamproc.contracts.codec import ResultEncoder
from streamproc.contracts.generated.events import Result, SourcePosition
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.localstack.stack import Addresses
from streamproc.localstack.triton import MODELS
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings
from streamproc.training.people.clips import read_folder

__all__ = ["kafka_topics", "registered", "registry", "topics"]

SPEECH = Path(__file__).parents[2] / "golden/speech"
SETTINGS = Settings()
Clip = np.ndarray[Any, np.dtype[np.floating[Any]]]


def as_read(clip: Clip) -> Clip:
    return clip


def in_noise(clip: Clip) -> Clip:
    """As loud as a tenth of the reading's power."""
    noise = np.random.default_rng(len(clip)).standard_normal(len(clip))
    return np.asarray(clip + noise * np.sqrt(np.mean(clip**2) / 10))


async def scored(alter: Callable[[Clip], Clip]) -> list[Result]:
    """What the worker's own scoring and the shipped model say of each recording."""
    engine = OnnxEngine(MODELS, built_in("phonemes", ""), 60, 1)
    await engine.start()
    scorer = ActivityScorer(ClipFetcher((), 1), engine, VariantAligner(), SETTINGS.audio, SETTINGS.scoring)
    source, found = SourcePosition(topic="t", partition=0, offset=0), []
    try:
        for clip in read_folder(SPEECH):
            audio = inline(encode(np.clip(alter(clip.audio()), -1, 1), 16_000))
            now, retries = time.perf_counter(), Retries(60, 0, Intake(lambda reason, closed: None))
            found.append(await scorer.score(activity(phrase(audio, clip.text)), source, now, now, retries))
    finally:
        await engine.close()
    return found


class School:
    """Publishes days of readings, drawn from a few."""

    def __init__(self, stack: Addresses, topic: str, encoder: ResultEncoder) -> None:
        self._producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})
        self._topic, self._encoder, self._random = topic, encoder, Random(4)
        self.today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)

    def day(self, days_ago: int, readings: int, of: Sequence[Result]) -> str:
        """The day that it was."""
        at = self.today - timedelta(days=days_ago)
        for result in self._random.choices(of, k=readings):
            value = self._encoder.encode(replace(result, scored_at=at))
            self._producer.produce(self._topic, value, timestamp=int(at.timestamp() * 1000))
        assert self._producer.flush(30) == 0
        return at.date().isoformat()


@pytest.fixture
async def school(stack: Addresses, registry: Registry, registered: Topics, kafka_topics: Topics) -> School:
    encoder = ResultEncoder(registry, kafka_topics.result, V1)
    await encoder.start()
    return School(stack, kafka_topics.result, encoder)


@pytest.fixture
def _of_the_stack(stack: Addresses, topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap)
    monkeypatch.setenv("STREAMPROC_REGISTRY__URL", stack.registry_url)
    monkeypatch.setenv("STREAMPROC_KAFKA__RESULT_TOPIC", topics.result)


async def in_thread(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The command has an event loop of its own."""
    return await asyncio.to_thread(drift, *arguments)


def drift(*arguments: str) -> tuple[int, dict[str, Any]]:
    ran = CliRunner().invoke(cli, ["models", "drift", "--json", *arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, json.loads(ran.stdout)


@pytest.mark.usefixtures("_of_the_stack")
async def test_days_of_noise_are_told_from_good_ones_and_small_ones_say_nothing(school: School, tmp_path: Path) -> None:
    good, noisy = await scored(as_read), await scored(in_noise)
    reference, page = str(tmp_path / "reference.json"), tmp_path / "drift.html"
    # A broker keeps nothing that is older than a week.
    for ago in (6, 5):
        school.day(ago, 400, good)
    code, found = await in_thread("--days", "7", "--save-reference", reference)
    assert (code, {row["state"] for row in found["days"]}) == (0, {"steady"}), "against its own first day"

    wanted = {
        school.day(4, 400, good): "steady",
        school.day(3, 400, noisy): "shifted",
        school.day(2, 30, noisy): "few",
        school.day(1, 30, good): "few",
    }
    code, found = await in_thread("--days", "5", "--reference", reference, "--html", str(page))
    assert {row["day"]: row["state"] for row in found["days"]} == wanted
    assert code == 1, "there is a shift"
    assert found["unread"] == 0
    assert all(day in page.read_text("utf-8") for day in wanted)

    (sha256,) = {row["sha256"] for row in found["days"]}
    assert sha256 == good[0].model.sha256
    code, _ = await in_thread("--days", "3", "--reference", reference)
    assert code == 0, "small days raise no alarm"
