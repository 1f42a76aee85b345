"""Publish a reading in an asynchronous service, and wait for what becomes of it: a result, or the reason for none."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from datetime import UTC, datetime

from streamproc.client import Activity, ActivityPublisher, Audio, Connection, OutcomeFollower, Phrase, Rejection


def reading(uri: str) -> Activity:
    """A reading of one phrase, recorded elsewhere."""
    now = datetime.now(UTC)
    return Activity(
        activity_id=str(uuid.uuid4()),
        learner_id="learner-4711",
        tenant_id="district-12",
        started_at=now,
        submitted_at=now,
        locale="en-US",
        story_id="the-red-hen",
        phrases=(Phrase(index=0, expected_text="The cat ran home.", audio=Audio(uri=uri, sample_rate=16_000)),),
    )


async def main() -> None:
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__ACTIVITY_TOPIC", "reading.activity.v1")
    followed = OutcomeFollower(
        connection,
        result_topic=os.environ.get("STREAMPROC_KAFKA__RESULT_TOPIC", "reading.result.v1"),
        dead_letter_topic=os.environ.get("STREAMPROC_KAFKA__DEAD_LETTER_TOPIC", "reading.activity.v1.dlq"),
    )
    # The follower first: it tells what comes after it has been entered.
    async with followed as outcomes, ActivityPublisher(connection, source="/examples/follow", topic=topic) as publisher:
        receipt = await publisher.publish(reading("https://clips.example/no-such-clip.wav"))
        try:
            async with asyncio.timeout(60):
                outcome = await outcomes.of(receipt)
        except TimeoutError:
            sys.exit("no outcome within a minute: does a worker run?")
        match outcome:
            case Rejection():
                print(f"not scored: {outcome.code}: {outcome.message}")
            case result:
                print(f"{result.status}: {result.words_correct_per_minute} words correct per minute")


if __name__ == "__main__":
    asyncio.run(main())
