"""Events that ask for absurd work take their share of it: others are served beside them, and SIGTERM is obeyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from support.activities import activity, clip, encode, inline, phrase, result, value
from support.holes import hole
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.contracts.generated.events import Audio, Result
from streamproc.errors import ErrorCode

pytestmark = hole("C1", "C3")

BLINK = inline(encode(np.zeros(3200), 16_000))
BABBLE = inline(clip(5.0, container="FLAC"))
MANY = 8
"""More than a worker has threads for."""


def absurd(schema_id: int) -> list[Record]:
    """Small events that ask for much: a text that nobody can have read in the time, and one that nobody can read."""
    invented = " ".join(f"zog{number:05d}" for number in range(60_000))
    of_texts: Sequence[tuple[str, Audio]] = [
        *[("a " * 1999, BLINK)] * MANY,
        *[("read the live bow a tear " * 100, BABBLE)] * MANY,
        (invented, BLINK),
    ]
    return [
        Record(f"learner-{number}".encode(), value(activity(phrase(audio, text)), schema_id), [])
        for number, (text, audio) in enumerate(of_texts)
    ]


def results(topics: TestTopics, count: int, learners: str) -> list[Result]:
    """The results of these readings."""
    records = topics.read(
        topics.results, count, 60.0, lambda record: result(record.value or b"").activity_id.startswith(learners)
    )
    return [result(record.value or b"") for record in records]


@pytest.mark.usefixtures("worker")
def test_a_good_reading_is_served_beside_absurd_ones(topics: TestTopics, schema_id: int) -> None:
    topics.publish(absurd(schema_id))
    good = activity(phrase(), activity_id="good", learner_id="good")
    topics.publish([Record(b"good", value(good, schema_id), [])])
    assert len(results(topics, 1, "good")) == 1
    odd = results(topics, 2 * MANY, "reading-1")
    unheard = Counter(phrase.error_code for one in odd for phrase in one.phrases)
    assert unheard == {ErrorCode.TOO_QUIET.name: MANY, ErrorCode.NOTHING_HEARD.name: MANY}
    (letter,) = topics.read_letters(1)
    assert letter.error["code"] == "REFERENCE_TOO_LONG"


def test_sigterm_ends_a_worker_amid_absurd_work(worker: WorkerProcess, topics: TestTopics, schema_id: int) -> None:
    before = worker.metric("streamproc_results_total")
    for _ in range(5):
        topics.publish(absurd(schema_id))
    worker.wait_for(lambda: worker.metric("streamproc_results_total") > before, "a result", 60)
    assert worker.terminate() == 0
