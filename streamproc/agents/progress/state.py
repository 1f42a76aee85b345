"""What is known of one learner, and how results and corrections change it. Pure: no clock, the order in the log counts.

The rules:

* Of one activity one reading is kept: of two results (it was published twice, or scored again by a newer model) the one
  that comes later counts, and with it go the corrections of the earlier one.
* The last N readings are kept, by the time at which they began. One that comes late takes its place among them; one
  that began before all of N is left out, and counts for the streak alone.
* A correction changes the reading of the result that it names, if that is kept. Of several of one word the last counts.
"""

from __future__ import annotations

import json
import zlib
from bisect import insort
from dataclasses import dataclass, field

from streamproc.agents.progress.days import Days
from streamproc.agents.progress.readings import KeptReading, micros
from streamproc.contracts.generated.events import Result, Verdict
from streamproc.contracts.generated.events_correction import Correction

VERSION = 2
"""Of the state's form. A worker reads none that is newer."""

_WITHOUT_HEARD_AT = 1
"""A version of before, whose last change stands for when the newest result was made."""

_BEGINNING = 64
"""Bytes that the version and the two numbers behind it fit in."""


class NotKept(LookupError):  # noqa: N818 - reads as what it says
    """The result that is corrected is not, or no longer, among a learner's last ones."""


@dataclass(slots=True)
class LearnerState:
    """One learner's, within a tenant."""

    revision: int = 0
    updated_at: int = 0
    """Of the last change, in microseconds since 1970."""
    heard_at: int = 0
    """When the newest result was made, by the workers' clocks; in microseconds since 1970."""
    readings: list[KeptReading] = field(default_factory=list)
    """The oldest first."""
    days: Days = field(default_factory=Days)

    def add(self, result: Result, most: int) -> None:
        """A result has come; ``most``: readings that are kept."""
        reading = KeptReading.of(result)
        self.readings = [one for one in self.readings if one.activity_id != reading.activity_id]
        insort(self.readings, reading, key=lambda one: one.order)
        del self.readings[:-most]
        self.days.add(reading.read_at)
        self.heard_at = max(self.heard_at, reading.scored_at)
        self._told(reading.scored_at)

    def correct(self, correction: Correction) -> bool:
        """A teacher overrules a verdict; whether that changes anything.

        Raises:
            NotKept: the result is not among those that are kept.
            NoSuchWord: it has no such word.
        """
        reading = next((one for one in self.readings if one.result_id == correction.result_id), None)
        if reading is None or reading.activity_id != correction.activity_id:
            raise NotKept
        verdict = Verdict(correction.verdict.value)
        if not reading.overrule(correction.phrase_index, correction.word_index, correction.word, verdict):
            return False
        self._told(micros(correction.corrected_at))
        return True

    def _told(self, at: int) -> None:
        self.revision += 1
        self.updated_at = at


def to_bytes(state: LearnerState) -> bytes:
    """As the table keeps it: some 1 KB for ten readings of a hundred words."""
    value = [
        VERSION,
        state.heard_at,
        state.revision,
        state.updated_at,
        state.days.last,
        f"{state.days.mask:x}",
        [reading.to_json() for reading in state.readings],
    ]
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def from_bytes(value: bytes | None) -> LearnerState:
    """Of ``to_bytes``; None: nobody has read yet.

    Raises:
        ValueError: a newer worker has written it.
    """
    if value is None:
        return LearnerState()
    version, *rest = json.loads(zlib.decompress(value))
    if version == _WITHOUT_HEARD_AT:
        rest.insert(0, rest[1])
    elif version != VERSION:
        raise ValueError(f"the state of progress has version {version}, and this worker reads {VERSION}: upgrade it")
    heard, revision, updated_at, last, mask, readings = rest
    days = Days(last, int(mask, 16))
    return LearnerState(revision, updated_at, heard, [KeptReading.from_json(one) for one in readings], days)


def heard_at(value: bytes) -> float:
    """When the newest result of a state was made, in seconds since 1970; without reading more of it than that."""
    version, first, second, *_ = zlib.decompressobj().decompress(value, _BEGINNING)[1:].split(b",", 3)
    return int(second if int(version) == _WITHOUT_HEARD_AT else first) / 1e6
