"""The activities of one run, and their outcomes: history in bulk, live ones at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from support import mix
from support.activities import value
from support.judge import Judge
from support.scene import Scene
from support.topics_of_test import PARTITIONS

from streamproc.contracts.generated.events import Activity, Audio

LEARNERS = 5000
"""So many that hardly anybody's reading waits for another one of the same learner."""


class Load:
    """Makes the activities by their numbers, and knows when each was published.

    They are the demonstration's, over and over, each clip behind a URI: twenty thousand are some megabytes.
    """

    def __init__(self, stage: Scene) -> None:
        self._stage = stage
        self.sent: dict[int, float] = {}
        """Number -> when it was published, in seconds since 1970."""
        found = mix.demo_mix(stage.clips)
        clips = mix.decoded_clips(found)
        self.recorded = stage.folder / "recorded.npz"
        """What a stand-in hears in them."""
        mix.record_answers(self.recorded, clips, mix.heard(clips))
        self._templates = [_by_uri(activity, stage.clips, number) for number, activity in enumerate(found)]

    def record(self, number: int) -> tuple[bytes, bytes]:
        """An activity's key and value; it is published now."""
        learner = f"learner-{number % LEARNERS}"
        template = self._templates[number % len(self._templates)]
        event = replace(template, activity_id=f"reading-{number}", learner_id=learner)
        self.sent[number] = time.time()
        return learner.encode(), value(event, self._stage.schema_id)

    def publish(self, numbers: Iterable[int]) -> None:
        """All of these, as quickly as it goes."""
        producer = Producer({"bootstrap.servers": self._stage.topics.bootstrap, "linger.ms": 20})
        for number in numbers:
            key, content = self.record(number)
            producer.produce(self._stage.topics.activities, key=key, value=content)
            producer.poll(0)
        assert producer.flush(60) == 0


def _by_uri(activity: Activity, clips: Path, number: int) -> Activity:
    """The same, with no clip inline."""
    phrases = []
    for phrase in activity.phrases:
        audio = phrase.audio
        if audio.data is not None:
            file = clips / f"inline-{number}-{phrase.index}"
            file.write_bytes(audio.data)
            audio = Audio(uri=file.as_uri(), codec=audio.codec, sample_rate=audio.sample_rate)
        phrases.append(replace(phrase, audio=audio))
    return replace(activity, phrases=tuple(phrases))


class _ByHeader(Judge):
    """Of results by their activity, without decoding them."""

    def number(self, message: Any) -> int:
        return int(dict(message.headers())["ce_subject"].removeprefix(b"reading-"))


class Outcomes(threading.Thread):
    """Reads a topic's results as downstream does, all the time, each as soon as it is committed."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(name=topic, daemon=True)
        self._judge = _ByHeader(bootstrap, topic, partitions=PARTITIONS)
        self._over = threading.Event()

    def run(self) -> None:
        """Until closed."""
        while not self._over.is_set():
            self._judge.read_next(0.05)

    @property
    def count(self) -> int:
        """Activities that have a result."""
        return len(self._judge.seen)

    def has_all(self, numbers: Iterable[int]) -> bool:
        """Whether each of these has a result."""
        return all(number in self._judge.seen for number in numbers)

    def waits(self, sent: dict[int, float], numbers: Iterable[int]) -> list[float]:
        """Milliseconds from publishing to the reader's hands, of those that have come."""
        seen = self._judge.first_seen
        return [1000 * (seen[number] - sent[number]) for number in numbers if number in seen]

    def end(self, wanted: Sequence[int], patience_s: float) -> dict[str, int]:
        """Read on until all wanted are there, and a little longer; what is wrong then."""
        deadline = time.monotonic() + patience_s
        while not self.has_all(wanted) and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(3.0)  # one too many would come late
        self._over.set()
        self.join()
        self._judge.close()
        seen, expected = self._judge.seen, set(wanted)
        return {
            "lost": sum(number not in seen for number in wanted),
            "duplicated": sum(count - 1 for number, count in seen.items() if number in expected),
            "strangers": sum(count for number, count in seen.items() if number not in expected),
        }
