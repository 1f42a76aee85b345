"""Replays that are killed at any moment, side by side, while the broker crashes: every letter goes back once."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.letter_topics import LetterTopics, letter
from support.worker_process import environment, streamproc

from streamproc.kafka.places import Position
from streamproc.localstack.kafka import KafkaPart

LETTERS = 5000
KILLS = 12


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaPart]:
    """A broker that may crash."""
    part = KafkaPart(tmp_path / "kafka", tie=True)
    part.start()
    try:
        yield part
    finally:
        part.stop()


def replaying(there: LetterTopics, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        streamproc("dlq", "replay", *arguments, program=("-m", "streamproc")),
        env=environment(there.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def filled(bootstrap: str) -> LetterTopics:
    there = LetterTopics(bootstrap)
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(LETTERS)])
    return there


def assert_once(there: LetterTopics) -> None:
    counts = Counter(record.value for record in there.read(there.activities))
    assert counts == Counter(b"%d" % index for index in range(LETTERS))


def expire_what_is_done(there: LetterTopics) -> None:
    """Retention deletes the letters of each partition up to the first one that was not replayed."""
    done = {Position.parse(position) for position in there.entries()}
    for partition, begin in there.begins().items():
        end = begin
        while Position(partition, end) in done:
            end += 1
        there.expire(partition, end)


@pytest.mark.timeout(300)
def test_killed_at_any_moment_and_two_at_once(kafka: KafkaPart) -> None:
    there = filled(kafka.address)
    chance = random.Random(11)
    for _ in range(KILLS):
        both = [replaying(there, "--rate", "150"), replaying(there, "--rate", "150")]
        time.sleep(chance.uniform(0.8, 3.0))
        for process in both:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        expire_what_is_done(there)
    done = LETTERS - there.run_json("dlq", "replay")["replayed"]
    assert 0 < done < LETTERS, "nobody was killed in mid-run"
    assert_once(there)
    expire_what_is_done(there)
    there.run_json("dlq", "replay")
    assert there.entries() == {}, "the ledger holds letters that are gone"


@pytest.mark.timeout(300)
def test_a_broker_that_crashes_holds_the_replay_up_and_no_more(kafka: KafkaPart) -> None:
    there = filled(kafka.address)
    process = replaying(there, "--rate", "250")
    try:
        for _ in range(2):
            time.sleep(3)
            assert process.poll() is None, "the replay was over before the broker crashed"
            kafka.restart()
        assert process.wait(150) == 0, "the replay gave up"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    assert there.run_json("dlq", "replay")["replayed"] == 0
    assert_once(there)
