"""Reconciliation: every input record against its outcomes, by offsets and headers.

The order of the looks makes the answer exact while workers run: first the group's progress, then the inputs, then the
outcomes. An outcome shares its transaction with the progress that covers it, so whatever the first look calls finished
has a visible outcome at the last one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from faust.types import TP
from numpy.typing import NDArray

from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import REPLAY_NAME, Headers, source_of, split_headers
from streamproc.kafka import topics
from streamproc.kafka.places import OffsetRange, Place, read_place
from streamproc.kafka.progress import committed
from streamproc.kafka.reading import TopicReader
from streamproc.kafka.runs import group_of_run
from streamproc.settings import KafkaSettings, Settings
from streamproc.transport.flight.progress import Progress
from streamproc.transport.headers import headers_of

CLOCK_SLACK_MS = 10 * 60 * 1000
"""Outcomes are looked for from this much before the first input on: publishers' clocks and workers' differ."""

Offsets = NDArray[np.int64]
Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Account:
    """One partition of the activity topic. The tuples hold offsets, ascending.

    inputs: records; results, letters: their outcomes. pending: inputs that the group has not finished. missing:
    finished inputs without an outcome. duplicated: inputs with several. unknown: outcomes without an input.
    """

    partition: int
    inputs: int
    results: int
    letters: int
    pending: int
    missing: tuple[int, ...]
    duplicated: tuple[int, ...]
    unknown: tuple[int, ...]

    @property
    def difference(self) -> int:
        """How many offsets are wrong."""
        return len(self.missing) + len(self.duplicated) + len(self.unknown)


def reconcile(settings: Settings, since_ms: int | None, report: Callable[[int], Report]) -> list[Account]:
    """Account for every partition's inputs since a time (ms since 1970; None: all that Kafka still has).

    Args:
        settings: the topics and the group.
        since_ms: by the inputs' timestamps.
        report: called with how many offsets will be read, three times; what it returns hears of the progress.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; TOPIC_MISSING.
    """
    kafka = settings.kafka
    with TopicReader(settings) as reader:
        spans = reader.bounds(kafka.activity_topic, since_ms)
        tps = [TP(kafka.activity_topic, span.partition) for span in spans]
        known = committed(settings, kafka.group_id, tps)
        # No committed offset: nothing is finished.
        finished = {tp.partition: known.get(tp, Progress.at(0)) for tp in tps}
        inputs = _inputs(reader, kafka.activity_topic, spans, report)
        after = None if since_ms is None else since_ms - CLOCK_SLACK_MS
        # While two majors are published each activity has a result of both; the older one is complete.
        result_topic = min(topics.result_topics(kafka).items())[1]
        results = _outcomes(reader, kafka, result_topic, _source_of_result, after, report)
        of_letter = _source_of_letter(kafka.group_id)
        letters = _outcomes(reader, kafka, kafka.dead_letter_topic, of_letter, after, report)
    return [
        account(
            span,
            inputs[span.partition],
            _array(results.get(span.partition, ())),
            _array(letters.get(span.partition, ())),
            finished[span.partition],
        )
        for span in spans
    ]


def account(span: OffsetRange, inputs: Offsets, results: Offsets, letters: Offsets, finished: Progress) -> Account:
    """Compare the offsets of a partition's inputs with those that its outcomes name.

    Outcomes of inputs outside the span are not looked at: they belong to what came before or after.
    """
    assert span.end is not None
    results = results[(results >= span.begin) & (results < span.end)]
    letters = letters[(letters >= span.begin) & (letters < span.end)]
    outcomes, counts = np.unique(np.concatenate([results, letters]), return_counts=True)
    without = np.setdiff1d(inputs, outcomes)
    missing = [int(offset) for offset in without if finished.is_done(int(offset))]
    return Account(
        span.partition,
        len(inputs),
        len(results),
        len(letters),
        len(without) - len(missing),
        tuple(missing),
        tuple(outcomes[counts > 1].tolist()),
        tuple(np.setdiff1d(outcomes, inputs).tolist()),
    )


def _inputs(
    reader: TopicReader, topic: str, spans: list[OffsetRange], report: Callable[[int], Report]
) -> dict[int, Offsets]:
    heard = report(_size(spans))
    inputs: dict[int, array[int]] = {span.partition: array("q") for span in spans}
    for batch in reader.read(topic, spans):
        for message in batch:
            inputs[message.partition() or 0].append(message.offset() or 0)
        heard(len(batch))
    return {partition: _array(offsets) for partition, offsets in inputs.items()}


def _outcomes(
    reader: TopicReader,
    kafka: KafkaSettings,
    topic: str,
    named_by: Callable[[Headers], Place | SourcePosition | None],
    since_ms: int | None,
    report: Callable[[int], Report],
) -> dict[int, array[int]]:
    """Partition of the activity topic -> the offsets that the outcomes in ``topic`` name, repetitions kept."""
    spans = reader.bounds(topic, since_ms)
    heard = report(_size(spans))
    offsets: dict[int, array[int]] = {}
    for batch in reader.read(topic, spans):
        for message in batch:
            # A record that cannot be read, or that no worker has written, is nobody's outcome.
            source = named_by(headers_of(message) or [])
            if source is not None and source.topic == kafka.activity_topic:
                offsets.setdefault(source.partition, array("q")).append(source.offset)
        heard(len(batch))
    return offsets


def _source_of_result(headers: Headers) -> Place | None:
    """A result's CloudEvents id is its input's topic/partition/offset; one of a replay stands beside the worker's."""
    found = dict(headers)
    place = found.get("ce_id")
    return None if place is None or REPLAY_NAME in found else read_place(place.decode(errors="replace"))


def _source_of_letter(group: str) -> Callable[[Headers], SourcePosition | None]:
    replays = group_of_run(group, "")

    def source(headers: Headers) -> SourcePosition | None:
        block = split_headers(headers)[1]
        return None if block.get("group", "").startswith(replays) else source_of(block)

    return source


def _array(offsets: Iterable[int]) -> Offsets:
    return np.fromiter(offsets, np.int64)


def _size(spans: list[OffsetRange]) -> int:
    return sum(max((span.end or 0) - span.begin, 0) for span in spans)
