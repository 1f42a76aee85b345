"""Publish readings in an asynchronous service: many at once, and a problem told for each that is not published."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import UTC, datetime

from streamproc.client import Activity, ActivityPublisher, Audio, Connection, Phrase, Receipt, StreamprocError


def reading(text: str) -> Activity:
    """A reading of one phrase; its clip was uploaded before."""
    now = datetime.now(UTC)
    clip = Audio(uri="https://clips.example/page-2.flac", sample_rate=16_000)
    return Activity(
        activity_id=str(uuid.uuid4()),
        learner_id="learner-4711",
        tenant_id="district-12",
        started_at=now,
        submitted_at=now,
        locale="en-US",
        story_id="the-red-hen",
        phrases=(Phrase(index=0, expected_text=text, audio=clip),),
    )


async def main() -> None:
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__ACTIVITY_TOPIC", "reading.activity.v1")
    activities = [reading(text) for text in ("The cat ran home.", "The hen sat.", "")]
    # One publisher for the service's whole life: entering it asks Kafka and the registry.
    async with ActivityPublisher(connection, source="/examples/publish", topic=topic) as publisher:
        outcomes = await asyncio.gather(*map(publisher.publish, activities), return_exceptions=True)
    for outcome in outcomes:
        match outcome:
            case Receipt():
                print(f"published: partition {outcome.partition} offset {outcome.offset}")
            case StreamprocError():
                print(f"not published: {outcome.code}: {outcome.message}")
            case BaseException():
                raise outcome


if __name__ == "__main__":
    asyncio.run(main())
