"""What was told of learners' progress, and what it should be by the results and the corrections."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import fastavro

from streamproc.agents.progress.state import LearnerState, NotKept
from streamproc.agents.progress.summary import summary
from streamproc.contracts import files, wire
from streamproc.contracts.generated.conversions_progress import progress_from_avro
from streamproc.contracts.generated.events import Result
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.generated.events_progress import Progress
from support.activities import result
from support.topics_of_test import TestTopics

Learner = tuple[str, str]
"""Tenant and learner."""

_SCHEMA: Any = fastavro.parse_schema(files.newest(files.PROGRESS).schema)


def settings_of(topics: TestTopics, token: str, readings: int) -> dict[str, str]:
    """The settings that turn progress and corrections on, with topics of the test's own."""
    return {
        "STREAMPROC_TRANSPORT__ASSIGNMENT": "range",
        "STREAMPROC_PROGRESS__ENABLED": "true",
        "STREAMPROC_PROGRESS__READINGS": str(readings),
        "STREAMPROC_PROGRESS__TOPIC": f"{topics.name}.progress",
        "STREAMPROC_PROGRESS__CORRECTIONS": "true",
        "STREAMPROC_PROGRESS__CORRECTION_TOPIC": f"{topics.name}.correction",
        "STREAMPROC_PROGRESS__TOKEN": token,
    }


def results_of(topics: TestTopics, count: int, seconds: float = 60) -> dict[Learner, list[Result]]:
    """By learner, in the order in which the topic has them."""
    found: dict[Learner, list[Result]] = defaultdict(list)
    for record in topics.read(topics.results, count, seconds):
        one = result(record.value or b"")
        found[one.tenant, one.learner_id].append(one)
    return found


def progress_of(value: bytes | None) -> Progress:
    """A record's value."""
    datum: Any = fastavro.schemaless_reader(io.BytesIO((value or b"")[wire.HEADER.size :]), _SCHEMA, None)
    return progress_from_avro(datum)


def told(topics: TestTopics, count: int, seconds: float = 60, topic: str = "") -> dict[Learner, list[Progress]]:
    """By learner, in the order in which the workers' topic has it, or another ``topic``."""
    found: dict[Learner, list[Progress]] = defaultdict(list)
    for record in topics.read(topic or f"{topics.name}.progress", count, seconds):
        progress = progress_of(record.value)
        assert record.key == progress.learner_id.encode()
        found[progress.tenant_id, progress.learner_id].append(progress)
    return found


def states_of(results: Mapping[Learner, Sequence[Result]], readings: int) -> dict[Learner, LearnerState]:
    """What is known of each learner by all results, one after the other, as no worker computes it."""
    states = {learner: LearnerState() for learner in results}
    for learner, found in results.items():
        for one in found:
            states[learner].add(one, readings)
    return states


def corrected(states: Mapping[Learner, LearnerState], corrections: Iterable[Correction]) -> int:
    """Take in corrections that came after all results; how many changed something."""
    changed = 0
    for one in corrections:
        try:
            changed += states[one.tenant_id, one.learner_id].correct(one)
        except NotKept:
            continue
    return changed


def summaries(states: Mapping[Learner, LearnerState]) -> dict[Learner, Progress]:
    """What should be told in the end."""
    return {learner: summary(*learner, state) for learner, state in states.items()}
