"""Going through the letters that are meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from streamproc.deadletter.ledger import LetterLedger, LetterState
from streamproc.deadletter.letters import Letter, Selection
from streamproc.kafka.places import OffsetRange, Position
from streamproc.kafka.reading import TopicReader

Report = Callable[[int], None]
"""Called with how many more offsets have been gone through."""


def spans_of(reader: TopicReader, topic: str, selection: Selection) -> list[OffsetRange]:
    """Where to look for the selection, as of now: letters that come later are not seen.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; TOPIC_MISSING.
    """
    bounds = {span.partition: span for span in reader.bounds(topic, selection.since_ms, selection.until_ms)}
    if not selection.spans:
        return list(bounds.values())
    return [
        OffsetRange(wanted.partition, max(wanted.begin, there.begin), min(_end(wanted), _end(there)))
        for wanted in selection.spans
        if (there := bounds.get(wanted.partition)) is not None
    ]


def after(spans: list[OffsetRange], position: Position) -> list[OffsetRange]:
    """What of the spans lies beyond a position: where the next page begins."""
    rest = [span for span in spans if span.partition > position.partition]
    here = [
        OffsetRange(span.partition, max(span.begin, position.offset + 1), span.end)
        for span in spans
        if span.partition == position.partition
    ]
    return here + rest


def scan(
    reader: TopicReader,
    topic: str,
    spans: list[OffsetRange],
    selection: Selection,
    ledger: LetterLedger,
    state: LetterState | None,
    report: Report,
) -> Iterator[Letter]:
    """Yield the letters of the selection in the order of their positions; ``state`` None takes them all.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE.
    """
    matches = selection.matcher()
    for batch in reader.read(topic, spans):
        for message in batch:
            letter = Letter(message)
            if matches(letter) and (state is None or ledger.state_at(letter.partition, letter.offset) is state):
                yield letter
        report(len(batch))


def size(spans: list[OffsetRange]) -> int:
    """How many offsets there are to go through."""
    return sum(max(_end(span) - span.begin, 0) for span in spans)


def _end(span: OffsetRange) -> int:
    assert span.end is not None, "bounds have an end"
    return span.end
