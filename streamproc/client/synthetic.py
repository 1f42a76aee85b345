"""A synthetic activity: a short sentence that a synthesiser has read, published as any other and followed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from streamproc.client.outcomes import OutcomeFollower, Rejection
from streamproc.client.publisher import ActivityPublisher
from streamproc.contracts.generated.events import Activity, Audio, Codec, Phrase
from streamproc.contracts.synthetic import TENANT

SOURCE = "/streamproc/synthetic"
LEARNERS = 64
"""Learners that are pretended, in turn: their activities come to all partitions."""
TEXT = "The cat sat on the mat."
SAMPLE_RATE = 16_000
_CLIP = Path(__file__).with_name("synthetic.flac")


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of one synthetic activity. seconds: from its publication to its outcome; code: of a dead letter."""

    outcome: Literal["result", "dead_letter", "none"]
    seconds: float
    partition: int
    offset: int
    code: str | None = None


def synthetic_activity(number: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Activity:
    """The ``number``-th one."""
    moment = now()
    clip = Audio(data=_CLIP.read_bytes(), uri=None, codec=Codec.FLAC, sample_rate=SAMPLE_RATE)
    return Activity(
        activity_id=str(uuid.uuid4()),
        learner_id=f"{TENANT}-{number % LEARNERS}",
        tenant_id=TENANT,
        started_at=moment,
        submitted_at=moment,
        locale="en-US",
        story_id=TENANT,
        phrases=(Phrase(index=0, expected_text=TEXT, audio=clip),),
    )


def probe(publisher: ActivityPublisher, follower: OutcomeFollower, number: int, timeout: float) -> Probe:
    """Publish one, and wait for its outcome for ``timeout`` seconds.

    Raises:
        StreamprocError: as ``publisher`` and ``follower``.
    """
    began = time.monotonic()
    receipt = publisher.send(synthetic_activity(number)).result(timeout)
    try:
        outcome = follower.outcome(receipt).result(timeout)
    except FutureTimeout:
        return Probe("none", time.monotonic() - began, receipt.partition, receipt.offset)
    seconds = time.monotonic() - began
    if isinstance(outcome, Rejection):
        return Probe("dead_letter", seconds, receipt.partition, receipt.offset, outcome.code)
    return Probe("result", seconds, receipt.partition, receipt.offset)
