"""Replay: letters go back to their source topic, each exactly once, byte for byte."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from streamproc import topics
from streamproc.deadletter.envelope import Headers
from streamproc.deadletter.ledger import Entry, State
from streamproc.deadletter.letters import Letter, Position
from streamproc.deadletter.operation import Copy, Deed, Operation

COUNT = "streamproc.replay.count"
"""Header of a replayed record: how often it has been replayed."""

ORIGINAL_TIMESTAMP = "streamproc.replay.original.timestamp"
"""Header of a replayed record: the timestamp of the record that was published, ISO 8601 in UTC."""

BATCH_LETTERS, BATCH_BYTES = 500, 16 * 1024 * 1024
"""A transaction's size."""

T = TypeVar("T")


@dataclass(slots=True)
class Outcome:
    """What a replay or a discard has done so far. ``refused``: letters that Kafka does not take, and its reason."""

    done: Counter[State] = field(default_factory=Counter)
    foreign: int = 0
    """Records that are no dead letters."""
    refused: list[tuple[Position, str]] = field(default_factory=list)


def replay_deed(letter: Letter, dead_letter_topic: str, max_replays: int, by: str) -> Deed | None:
    """What a replay does to a letter; one that was replayed ``max_replays`` times is parked. None: it is no letter."""
    error = letter.error
    if not error:
        return None
    count = replays_of(letter)
    if count >= max_replays:
        parked = topics.parked_topic(dead_letter_topic)
        copy = Copy(parked, None, letter.key, letter.value, letter.headers)
        return Deed(letter, (copy,), Entry(letter.position, State.PARKED, by, count))
    copy = Copy(
        error["source.topic"], int(error["source.partition"]), letter.key, letter.value, replayed_headers(letter)
    )
    return Deed(letter, (copy,), Entry(letter.position, State.REPLAYED, by, count + 1))


def replayed_headers(letter: Letter) -> Headers:
    """The original headers in their order, then the replay's; those of an earlier replay are replaced."""
    original = letter.original_headers
    earlier = [value for name, value in original if name == ORIGINAL_TIMESTAMP]
    timestamp = earlier[0] if earlier else letter.error.get("source.timestamp", "").encode()
    kept = [header for header in original if header[0] not in (COUNT, ORIGINAL_TIMESTAMP)]
    return [*kept, (COUNT, b"%d" % (replays_of(letter) + 1)), (ORIGINAL_TIMESTAMP, timestamp)]


def replays_of(letter: Letter) -> int:
    """How often a letter's event has been replayed."""
    for name, value in letter.original_headers:
        if name == COUNT and value is not None and value.isdigit():
            return int(value)
    return 0


def perform(
    operation: Operation,
    letters: Iterable[Letter],
    deed_of: Callable[[Letter], Deed | None],
    rate: float | None,
    report: Callable[[Outcome], None],
) -> Outcome:
    """Do something to every letter, a transaction a batch.

    Args:
        operation: entered already.
        letters: open ones.
        deed_of: what is done to a letter; None leaves it alone.
        rate: most letters a second; None: as fast as it goes.
        report: called after each commit.

    Raises:
        Fenced, StreamprocError: see Operation.
    """
    outcome = Outcome()
    began = time.monotonic()
    taken = 0
    largest = BATCH_LETTERS if rate is None else max(1, min(BATCH_LETTERS, int(rate)))
    for batch in _batches(letters, largest):
        deeds = [deed for letter in batch if (deed := deed_of(letter)) is not None]
        outcome.foreign += len(batch) - len(deeds)
        refused = operation.do(deeds)
        outcome.refused += [(deed.letter.position, reason) for deed, reason in refused]
        outcome.done.update(deed.entry.state for deed in deeds)
        outcome.done.subtract(deed.entry.state for deed, _ in refused)
        report(outcome)
        taken += len(batch)
        if rate is not None:
            time.sleep(max(0.0, began + taken / rate - time.monotonic()))
    return outcome


def _batches(letters: Iterable[Letter], largest: int) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    content = 0
    for letter in letters:
        batch.append(letter)
        content += len(letter.value or b"")
        if len(batch) >= largest or content >= BATCH_BYTES:
            yield batch
            batch, content = [], 0
    if batch:
        yield batch
