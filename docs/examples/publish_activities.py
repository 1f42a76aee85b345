"""Publish two readings: one and wait for its receipt, then a batch."""

from __future__ import annotations

import io
import os
import uuid
import wave
from datetime import UTC, datetime, timedelta

from streamproc.client import Activity, ActivityPublisher, Audio, Codec, Connection, Phrase


def one_second_of_silence() -> bytes:
    """A clip; yours comes from a microphone."""
    clip = io.BytesIO()
    with wave.open(clip, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000))
    return clip.getvalue()


def reading(text: str) -> Activity:
    """A reading of one phrase."""
    now = datetime.now(UTC)
    return Activity(
        activity_id=str(uuid.uuid4()),
        learner_id="learner-4711",
        tenant_id="district-12",
        started_at=now - timedelta(seconds=1),
        submitted_at=now,
        locale="en-US",
        story_id="the-red-hen",
        phrases=(
            Phrase(
                index=0,
                expected_text=text,
                audio=Audio(data=one_second_of_silence(), codec=Codec.WAV, sample_rate=16_000),
            ),
        ),
    )


def main() -> None:
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__ACTIVITY_TOPIC", "reading.activity.v1")
    with ActivityPublisher(connection, source="/examples/publish", topic=topic) as publisher:
        # One at a time: wait until Kafka has it on all replicas.
        receipt = publisher.send(reading("The cat ran home.")).result()
        print(f"{receipt.topic} partition {receipt.partition} offset {receipt.offset}")

        # Many: send first, wait afterwards, and let the producer batch them.
        waiting = [publisher.send(reading(text)) for text in ("The hen sat.", "The dog ran.")]
        for future in waiting:
            print(f"partition {future.result().partition} offset {future.result().offset}")


if __name__ == "__main__":
    main()
