"""Dead letters for the page, with the code of ``streamproc dlq``. All of it blocks: it is for a thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

from streamproc.deadletter.discard import discard_deed
from streamproc.deadletter.doing import do_to_letters
from streamproc.deadletter.envelope import source_of
from streamproc.deadletter.ledger import LetterLedger, LetterState, read_ledger
from streamproc.deadletter.letters import Letter, Selection
from streamproc.deadletter.originals import Originals
from streamproc.deadletter.replay import Tally, replay_deed
from streamproc.deadletter.rows import letter_json, tally_json
from streamproc.deadletter.show import describe
from streamproc.kafka.backwards import backwards, read_cursor, write_cursor
from streamproc.kafka.places import OffsetRange, Position
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.web.console.shown import shown, shown_all

PAGE = 50
MOST_AT_ONCE = 100
"""Letters of one action; for more there is the command line, which shows how far it is."""

MAX_REPLAYS = 3
_LONGEST_NAME, _LONGEST_REASON = 100, 1_000
_FIELDS = {"code": "code", "stage": "stage", "fingerprint": "fingerprint", "tenant": "tenant", "trace": "trace.id"}


class BadRequest(ValueError):  # noqa: N818 - reads as what it says
    """What is asked for makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which letters are listed: those with these values of the envelope's fields, in this state (None: any)."""

    selection: Selection
    state: LetterState | None
    below: Mapping[int, int] | None

    @classmethod
    def of(cls, asked: Mapping[str, str], now: float | None = None) -> LetterQuery:
        """From a query string: code, stage, fingerprint, tenant, trace, state ("any" is one), hours, older.

        Raises:
            BadRequest: a value makes no sense.
        """
        fields = {name: frozenset({asked[given].strip()}) for given, name in _FIELDS.items() if asked.get(given)}
        try:
            state = asked.get("state") or LetterState.OPEN.value
            chosen = None if state == "any" else LetterState(state)
            hours = float(asked["hours"]) if asked.get("hours") else None
            below = read_cursor(asked["older"]) if asked.get("older") else None
            since = None if hours is None else int(((now or time.time()) - 3600 * hours) * 1000)
        except (ValueError, OverflowError) as error:
            raise BadRequest(str(error)[:200]) from None
        return cls(Selection(fields, since), chosen, below)


@dataclass(frozen=True, slots=True)
class LetterAction:
    """What is to be done with some letters, by whom, and why (of a discard alone)."""

    letters: tuple[Position, ...]
    by: str
    reason: str = ""
    dry_run: bool = False

    @classmethod
    def of(cls, asked: Any, *, discard: bool) -> LetterAction:
        """From a request's JSON: ``letters`` (positions), ``by``, ``reason``, ``dry_run``.

        Raises:
            BadRequest: it is not that; nobody is named; a discard has no reason; there are too many.
        """
        if not isinstance(asked, dict):
            raise BadRequest("a JSON object is wanted")
        letters, dry_run = asked.get("letters"), asked.get("dry_run") is True
        if not isinstance(letters, list) or not 1 <= len(letters) <= MOST_AT_ONCE:
            raise BadRequest(f"letters: from 1 to {MOST_AT_ONCE} positions; 'streamproc dlq' takes more")
        try:
            places = tuple(dict.fromkeys(Position.parse(str(letter)) for letter in letters))
        except ValueError as error:
            raise BadRequest(f"letters: {error}") from None
        by, reason = _line(asked, "by", _LONGEST_NAME), _line(asked, "reason", _LONGEST_REASON)
        if not by:
            raise BadRequest("by: who does this? It is kept with the letter")
        if discard and not reason and not dry_run:
            raise BadRequest("reason: why will nobody need them? It is kept")
        return cls(places, f"{by} (page)", reason, dry_run)

    @property
    def selection(self) -> Selection:
        """These letters and no others."""
        return Selection(spans=tuple(OffsetRange(one.partition, one.offset, one.offset + 1) for one in self.letters))


def _line(asked: dict[str, Any], name: str, longest: int) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise BadRequest(f"{name}: a text of at most {longest} characters")
    return shown(value.strip())


class LetterDesk:
    """Reads and handles the letters of the settings' topic. Every method raises StreamprocError as TopicReader does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.kafka.dead_letter_topic

    def listed(self, query: LetterQuery) -> dict[str, Any]:
        """Letters, the newest first, and where older ones begin."""
        matches = query.selection.matcher()
        with TopicReader(self._settings) as reader:
            ledger = read_ledger(reader, self._topic)

            def row(message: Message) -> dict[str, Any] | None:
                letter = Letter(message)
                if not matches(letter):
                    return None
                if query.state is not None and ledger.state(letter.position) is not query.state:
                    return None
                return row_of(letter, ledger)

            since = query.selection.since_ms
            looked = backwards(reader, self._topic, row, PAGE, below=query.below, since_ms=since)
        older = None if looked.older is None else write_cursor(looked.older)
        return {"letters": looked.found, "looked": looked.records, "older": older}

    def opened(self, place: Position) -> dict[str, Any] | None:
        """One letter in full: the error, the headers, the event as it was written; None: there is none."""
        with TopicReader(self._settings) as reader:
            message = reader.record_at(self._topic, place.partition, place.offset)
            if message is None:
                return None
            ledger = read_ledger(reader, self._topic)
        return full_letter(Letter(message), ledger, self._settings)

    def replay(self, action: LetterAction) -> dict[str, Any]:
        """Send them back, exactly once. Raises Fenced too."""
        kafka = self._settings.kafka
        with TopicReader(self._settings) as reader, Originals(self._settings) as originals:
            outcome = do_to_letters(
                self._settings,
                reader,
                action.selection,
                lambda letter: replay_deed(letter, kafka, MAX_REPLAYS, action.by, originals.of),
                dry_run=action.dry_run,
            )
        return self._told(outcome, action, (LetterState.REPLAYED, LetterState.PARKED))

    def discard(self, action: LetterAction) -> dict[str, Any]:
        """Give them up. Raises Fenced too."""
        with TopicReader(self._settings) as reader:
            outcome = do_to_letters(
                self._settings,
                reader,
                action.selection,
                lambda letter: discard_deed(letter, self._topic, action.reason, action.by),
                dry_run=action.dry_run,
            )
        return self._told(outcome, action, (LetterState.DISCARDED,))

    def _told(self, outcome: Tally, action: LetterAction, states: Sequence[LetterState]) -> dict[str, Any]:
        told = tally_json(outcome, states)
        done = sum(told[state.value] for state in states)
        untouched = len(action.letters) - done - len(told["refused"]) - told["no_letters"]
        return {**shown_all(told), "not_open": untouched, "dry_run": action.dry_run}


def row_of(letter: Letter, ledger: LetterLedger) -> dict[str, Any]:
    """A letter's row; small, whatever the letter holds."""
    source = source_of(letter.error)
    named = letter_json(letter, ledger)
    error = {name: shown(value[:300]) for name, value in letter.error.items()}
    return {
        **named,
        "error": error,
        "code": shown(letter.code[:80]),
        "time_ms": letter.timestamp_ms,
        "activity_id": _subject(letter),
        "source": None if source is None else f"{source.partition}:{source.offset}",
    }


def full_letter(letter: Letter, ledger: LetterLedger, settings: Settings) -> dict[str, Any]:
    """All of a letter, as JSON values that may be shown."""
    described = asyncio.run(describe(letter, settings.registry))
    return {**row_of(letter, ledger), **shown_all(described)}


def _subject(letter: Letter) -> str | None:
    value = letter.raw.get("ce_subject")
    return None if value is None else shown(value[:200].decode(errors="backslashreplace"))
