"""Half an hour of reading through a real worker and its Triton: each word judged once, in the memory of a short one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from support.activities import activity, behind, encode, phrase, result, value
from support.engine_suite import golden_clip
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.contracts.generated.events import PhraseStatus, Result, Verdict, WordResult

READ = "Milo the mole had a lantern"
SENTENCE = len(golden_clip())
WAIT_SECONDS = 240.0

PEAK_GROWTH = 96 << 20
"""Of the worker's memory, from three minutes to thirty, besides the clip's encoded bytes: the samples alone would be
104 MB more, the spectra that hear them a gigabyte. What grows are logits, 8 kB a second a few times over, and words."""

A_WORD = 200
"""Bytes of a result, at the most."""


@pytest.fixture(scope="module")
def settings(settings: dict[str, str]) -> dict[str, str]:
    """A worker's environment that takes half an hour."""
    return {
        **settings,
        "STREAMPROC_AUDIO__MAX_SECONDS": "1800",
        "STREAMPROC_AUDIO__MAX_BYTES": "100000000",
        "STREAMPROC_SCORING__MAX_PHONEMES": "20000",
    }


def recorded(clips: Path, minutes: float) -> tuple[Path, int]:
    """A clip of the sentence over and over, and how often it is read."""
    times = int(minutes * 60 * 16_000) // SENTENCE
    file = clips / f"{minutes:g}.flac"
    file.write_bytes(encode(np.tile(golden_clip(), times)[:, np.newaxis], 16_000, "FLAC", "PCM_16"))
    return file, times


def published(topics: TestTopics, schema_id: int, file: Path, times: int) -> None:
    read = phrase(behind(file.as_uri()), " ".join([READ] * times))
    topics.publish([Record(b"learner-1", value(activity(read), schema_id), [])])


def peak(worker: WorkerProcess) -> int:
    """Bytes that the worker itself, and not the supervisor of it, has taken at the most."""
    of = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    lines = [Path(f"/proc/{each.pid}/status").read_text().splitlines() for each in of]
    return max(int(line.split()[1]) << 10 for status in lines for line in status if line.startswith("VmHWM"))


def judged_in_place(one: Result, times: int) -> Sequence[WordResult]:
    (read,) = one.phrases
    assert read.status is PhraseStatus.SCORED, read.error_message
    assert [word.text for word in read.words] == READ.split() * times, "no word is lost, doubled or added"
    wrong = [word for word in read.words if word.verdict not in (Verdict.CORRECT, Verdict.ACCEPTED)]
    assert len(wrong) <= len(read.words) // 100
    for number in range(times):
        begin, end = (1000 * SENTENCE * at / 16_000 for at in (number, number + 1))
        for word in read.words[number * 6 : number * 6 + 6]:
            assert word.start_ms is None or begin - 100 <= word.start_ms <= end, "words are where they were read"
    return read.words


@pytest.mark.timeout(600)
def test_half_an_hour_takes_the_memory_of_three_minutes(
    worker: WorkerProcess, topics: TestTopics, schema_id: int, clips: Path
) -> None:
    peaks, sizes = [], []
    for number, minutes in enumerate((3, 29.9), 1):
        file, times = recorded(clips, minutes)
        sizes.append(file.stat().st_size)
        published(topics, schema_id, file, times)
        content = topics.read(topics.results, number, WAIT_SECONDS)[-1].value or b""
        words = judged_in_place(result(content), times)
        assert len(content) < A_WORD * len(words)
        peaks.append(peak(worker))
    print(f"peaks {[each >> 20 for each in peaks]} MB, {len(content) / len(words):.0f} bytes of result a word")
    assert peaks[1] - peaks[0] < sizes[1] - sizes[0] + PEAK_GROWTH
    assert topics.read(topics.letters, 1, seconds=1) == []


@pytest.mark.timeout(600)
def test_a_result_that_the_topic_does_not_take_becomes_a_dead_letter_and_the_next_is_scored(
    worker: WorkerProcess, topics: TestTopics, schema_id: int, clips: Path
) -> None:
    most = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, topics.results, incremental_configs=[most])
    client = AdminClient({"bootstrap.servers": topics.bootstrap})
    for done in client.incremental_alter_configs([topic]).values():
        done.result(30)
    before = len(topics.read(topics.results, 100, seconds=3))
    long, many = recorded(clips, 29.9)
    short, few = recorded(clips, 0.5)
    published(topics, schema_id, long, many)
    published(topics, schema_id, short, few)
    content = topics.read(topics.results, before + 1, WAIT_SECONDS)[-1].value or b""
    judged_in_place(result(content), few)
    (letter,) = topics.read_letters(1)
    assert letter.error["code"] == "RESULT_TOO_LARGE"
    assert worker.is_alive
