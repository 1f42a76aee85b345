"""A publisher and a subscriber that run with any release: client_of_release.py publish|subscribe COUNT."""

from __future__ import annotations

import dataclasses
import io
import os
import random
import sys
import uuid
import wave
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from streamproc.client import Activity, ActivityPublisher, Audio, Codec, Connection, Phrase, ResultSubscriber


def publish(connection: Connection, count: int) -> None:
    """Publish readings of quiet noise, and print their ids."""
    clip = io.BytesIO()
    with wave.open(clip, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(random.Random(1).randbytes(16_000))
    audio = Audio(data=clip.getvalue(), codec=Codec.WAV, sample_rate=16_000)
    names = {field.name for field in dataclasses.fields(Activity)}
    of_release: dict[str, Any] = {"tenant_id": "school", "attempt": 2} if "tenant_id" in names else {"tenant": "school"}
    now = datetime.now(UTC)
    topic = os.environ["STREAMPROC_KAFKA__ACTIVITY_TOPIC"]
    with ActivityPublisher(connection, source="/tests/roll-out", topic=topic) as publisher:
        for number in range(count):
            activity = Activity(
                activity_id=str(uuid.uuid4()),
                learner_id=f"learner-{number}",
                started_at=now,
                submitted_at=now,
                locale="en-US",
                story_id="the-red-hen",
                phrases=(Phrase(index=0, expected_text="The cat ran home.", audio=audio),),
                **of_release,
            )
            publisher.send(activity).result(30)
            print(activity.activity_id)


def subscribe(connection: Connection, count: int) -> None:
    """Read results as a group of this release's own, and print their ids and attempts."""
    topic = os.environ["STREAMPROC_KAFKA__RESULT_TOPIC"]
    subscriber = ResultSubscriber(connection, f"{topic}-{uuid.uuid4().hex}", topic)
    for result in islice(subscriber, count):
        print(result.activity_id, getattr(result, "attempt", "-"))


if __name__ == "__main__":
    {"publish": publish, "subscribe": subscribe}[sys.argv[1]](
        Connection(
            bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
            registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
        ),
        int(sys.argv[2]),
    )
