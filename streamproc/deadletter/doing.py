"""Doing something to the open letters of a selection, from the first look to the last commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from confluent_kafka import KafkaException

from streamproc.deadletter.ledger import LetterState, read_ledger
from streamproc.deadletter.letters import Selection
from streamproc.deadletter.operation import LetterOperation
from streamproc.deadletter.replay import DeedOf, Tally, perform, rehearse
from streamproc.deadletter.scan import Report, scan, size, spans_of
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings

FENCED = (
    "another replay or discard on this topic has begun and taken over, or this one paused for longer than a "
    "transaction may. Nothing was done twice; what is still open can be replayed later."
)
"""What ``Fenced`` means, for people."""


def _unseen(_: int) -> None:
    """Nobody looks."""


def do_to_letters(
    settings: Settings,
    reader: TopicReader,
    chosen: Selection,
    deed_of: DeedOf,
    *,
    rate: float | None = None,
    dry_run: bool = False,
    progress: Callable[[int], AbstractContextManager[Report]] = lambda _: nullcontext(_unseen),
) -> Tally:
    """Do it to every open letter that is chosen, or only find out what that would be.

    Args:
        settings: where the letters are.
        reader: reads them.
        chosen: which.
        deed_of: what is done to each.
        rate: most letters a second; None: as fast as it goes.
        dry_run: do nothing.
        progress: shows how far it is of so many offsets; told how many more have been gone through.

    Raises:
        Fenced: another one has taken over; FENCED says it in words.
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING; running again goes on where this one ended.
    """
    topic = settings.kafka.dead_letter_topic
    spans = spans_of(reader, topic, chosen)
    if dry_run:
        with progress(size(spans)) as report:
            letters = scan(reader, topic, spans, chosen, read_ledger(reader, topic), LetterState.OPEN, report)
            return rehearse(letters, deed_of)
    try:
        with LetterOperation(settings, reader) as operation, progress(size(spans)) as report:
            ledger = operation.read_ledger()
            letters = scan(reader, topic, spans, chosen, ledger, LetterState.OPEN, report)
            return perform(operation, letters, deed_of, rate)
    except KafkaException as error:
        raise StreamprocError(
            ErrorCode.KAFKA_UNAVAILABLE, f"{error.args[0].str()}: what was reported is done; run the command again"
        ) from None
