"""Replay: letters go back to their source topic, each exactly once, byte for byte."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from streamproc.deadletter.envelope import ORIGINAL_TIMESTAMP, REPLAY_COUNT, Headers, replays_of, source_of
from streamproc.deadletter.ledger import LedgerEntry, LetterState
from streamproc.deadletter.letters import Letter, StaysOpen
from streamproc.deadletter.operation import Copy, Deed, LetterOperation
from streamproc.errors import NOT_FAILED
from streamproc.kafka import topics
from streamproc.kafka.places import Position
from streamproc.settings import KafkaSettings

BATCH_LETTERS, BATCH_BYTES = 500, 16 * 1024 * 1024
"""A transaction's size."""

NOT_REPLAYED = frozenset(code.name for code in NOT_FAILED)
"""Codes of letters that a replay leaves where they are."""

MAX_TOPIC = 249
"""Characters of Kafka's longest topic name."""


@dataclass(slots=True)
class Tally:
    """What a replay or a discard has done so far, or would do.

    ``foreign``: records that are no dead letters, or cannot be read. ``refused``: letters that stay open, and why:
    Kafka does not take them, they come from another topic, or a stub's original is gone.
    """

    done: Counter[LetterState] = field(default_factory=Counter)
    foreign: list[Position] = field(default_factory=list)
    refused: list[tuple[Position, str]] = field(default_factory=list)


DeedOf = Callable[[Letter], Deed | None]
"""What is done to a letter; None: it is no letter. Raises StaysOpen."""


def replay_deed(
    letter: Letter, kafka: KafkaSettings, max_replays: int, by: str, original_of: Callable[[Letter], Letter]
) -> Deed | None:
    """What a replay does to a letter; one that was replayed ``max_replays`` times is parked. None: it is no letter.

    Whoever may write to the dead letter topic could name any topic as a letter's source. The operator may write to
    more topics than he: no letter goes anywhere but to the activity topic.

    Raises:
        StaysOpen: it tells of no failure; it comes from another topic; or by ``original_of``, which is asked for a
            stub's original.
    """
    source = source_of(letter.error)
    if source is None:
        return None
    if letter.code in NOT_REPLAYED:
        raise StaysOpen(f"{letter.code} tells of no failure: there is a result already, and a replay would repeat it")
    if source.topic != kafka.activity_topic:
        raise StaysOpen(
            f"it says that it comes from {source.topic[:MAX_TOPIC]}, and not from {kafka.activity_topic}: if that is "
            "where its activities belong, replay it with STREAMPROC_KAFKA__ACTIVITY_TOPIC"
        )
    original = original_of(letter) if letter.is_stub else letter
    headers = original.headers if letter.is_stub else letter.original_headers
    count = replays_of(headers)
    if count >= max_replays:
        parked = topics.parked_topic(kafka.dead_letter_topic)
        copy = Copy(parked, None, letter.key, letter.value, letter.headers)
        return Deed(letter, (copy,), LedgerEntry(letter.position, LetterState.PARKED, by, count))
    timestamp = letter.error.get("source.timestamp", "")
    copy = Copy(
        source.topic, source.partition, original.key, original.value, replayed_headers(headers, timestamp, count + 1)
    )
    return Deed(letter, (copy,), LedgerEntry(letter.position, LetterState.REPLAYED, by, count + 1))


def replayed_headers(original: Headers, timestamp: str, count: int) -> Headers:
    """The original headers in their order, then the replay's; those of an earlier replay are replaced."""
    earlier = [value for name, value in original if name == ORIGINAL_TIMESTAMP]
    first = earlier[0] if earlier else timestamp.encode()
    kept = [header for header in original if header[0] not in (REPLAY_COUNT, ORIGINAL_TIMESTAMP)]
    return [*kept, (REPLAY_COUNT, b"%d" % count), (ORIGINAL_TIMESTAMP, first)]


def perform(operation: LetterOperation, letters: Iterable[Letter], deed_of: DeedOf, rate: float | None) -> Tally:
    """Do something to every letter, a transaction a batch.

    Args:
        operation: entered already.
        letters: open ones.
        deed_of: what is done to a letter.
        rate: most letters a second; None: as fast as it goes.

    Raises:
        Fenced, StreamprocError: see LetterOperation.
    """
    outcome = Tally()
    began = time.monotonic()
    taken = 0
    largest = BATCH_LETTERS if rate is None else max(1, min(BATCH_LETTERS, int(rate)))
    for batch in _batches(_deeds(letters, deed_of, outcome), largest):
        refused = operation.do(batch)
        outcome.refused += [(deed.letter.position, reason) for deed, reason in refused]
        outcome.done.update(deed.entry.state for deed in batch)
        outcome.done.subtract(deed.entry.state for deed, _ in refused)
        taken += len(batch)
        if rate is not None:
            time.sleep(max(0.0, began + taken / rate - time.monotonic()))
    return outcome


def rehearse(letters: Iterable[Letter], deed_of: DeedOf) -> Tally:
    """What ``perform`` would do, as far as it can be known without Kafka's word."""
    outcome = Tally()
    outcome.done.update(deed.entry.state for deed in _deeds(letters, deed_of, outcome))
    return outcome


def _deeds(letters: Iterable[Letter], deed_of: DeedOf, outcome: Tally) -> Iterator[Deed]:
    for letter in letters:
        try:
            deed = deed_of(letter)
        except StaysOpen as reason:
            outcome.refused.append((letter.position, str(reason)))
            continue
        if deed is None:
            outcome.foreign.append(letter.position)
        else:
            yield deed


def _batches(deeds: Iterable[Deed], largest: int) -> Iterator[list[Deed]]:
    batch: list[Deed] = []
    content = 0
    for deed in deeds:
        batch.append(deed)
        content += sum(len(copy.value or b"") for copy in deed.copies)
        if len(batch) >= largest or content >= BATCH_BYTES:
            yield batch
            batch, content = [], 0
    if batch:
        yield batch
