"""Real readings beside the made ones: people's recordings, and what experts say of each word where they were asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamproc.contracts.generated.events import Activity, Audio, Codec, Phrase, PhraseStatus, SourcePosition, Verdict
from streamproc.demo.activities import encode
from streamproc.demo.exchange import ActivityOutcome
from streamproc.demo.report import phrase_text
from streamproc.scoring.fluency import FLAGGED
from streamproc.terminal import safe
from streamproc.training.people.clips import PersonClip, read_folder
from streamproc.training.people.verdicts import BAD, FULL, MISREAD
from streamproc.training.speech import SAMPLE_RATE

MOST = 120
"""Recordings of a folder that are shown."""


@dataclass(frozen=True, slots=True)
class PeopleFigures:
    """``perfect``: words that all experts found perfect, ``bad``: those with a median mark of 3 or less; how many of
    them were flagged. ``not_judged``: recordings without a scored phrase."""

    recordings: int
    not_judged: int
    perfect: int
    perfect_flagged: int
    bad: int
    bad_found: int


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A recording, and what became of it (None: nothing)."""

    clip: PersonClip
    outcome: ActivityOutcome | None

    @property
    def verdicts(self) -> list[Verdict]:
        """Of the words that were to be read; empty where they were not judged."""
        result = self.outcome.result if self.outcome else None
        words = result.phrases[0].words if result else ()
        return [word.verdict for word in words if word.verdict is not Verdict.INSERTED]


def read_people(folder: Path) -> list[PersonClip]:
    """The first recordings of a folder, as `streamproc models evaluate` reads it. Raises FolderError."""
    return read_folder(folder)[:MOST]


def people_activity(clip: PersonClip, number: int) -> Activity:
    """One recording as an event; nothing in it says whose it is. Raises FolderError where it cannot be read."""
    audio = clip.audio()
    now = datetime.now(UTC)
    recorded = Audio(data=encode(audio, Codec.FLAC, SAMPLE_RATE), codec=Codec.FLAC, sample_rate=SAMPLE_RATE)
    return Activity(
        activity_id=str(uuid.uuid4()),
        learner_id=f"demo-reader-{number}",
        tenant_id="demo",
        started_at=now - timedelta(seconds=len(audio) / SAMPLE_RATE),
        submitted_at=now,
        locale="en-US",
        story_id=f"demo-recording-{number}",
        phrases=(Phrase(index=0, expected_text=clip.text, audio=recorded),),
    )


def match_people(
    clips: Sequence[PersonClip], published: Sequence[SourcePosition], outcomes: Sequence[ActivityOutcome]
) -> list[PersonRow]:
    """Give every recording its first outcome; ``published``: the places of their activities."""
    by_place: Mapping[SourcePosition, ActivityOutcome] = {outcome.source: outcome for outcome in reversed(outcomes)}
    return [PersonRow(clip, by_place.get(place)) for clip, place in zip(clips, published, strict=True)]


def people_figures(rows: Sequence[PersonRow]) -> PeopleFigures:
    """Count the words that experts marked."""
    perfect, bad = [], []
    for row in rows:
        if len(row.verdicts) == len(row.clip.words):
            for word, verdict in zip(row.clip.words, row.verdicts, strict=True):
                if word.marks and min(word.marks) >= FULL:
                    perfect.append(verdict in FLAGGED)
                elif word.marks and median(word.marks) <= BAD:
                    bad.append(verdict in FLAGGED)
    unjudged = sum(not row.verdicts for row in rows)
    return PeopleFigures(len(rows), unjudged, len(perfect), sum(perfect), len(bad), sum(bad))


def people_report(rows: Sequence[PersonRow]) -> RenderableType:
    """A table of the recordings, and their figures."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    shown.add_column("age", justify="right", style="dim")
    shown.add_column("what people read", ratio=1)
    shown.add_column("experts found misread", ratio=1, style="dim")
    for row in rows:
        age = "" if row.clip.age is None else str(row.clip.age)
        shown.add_row(age, _read(row), " ".join(safe(text) for text in _misread(row.clip)))
    total = people_figures(rows)
    line = (
        f"{total.recordings} recordings, {total.not_judged} not judged; flagged {total.perfect_flagged} of "
        f"{total.perfect} words that all experts found perfect, found {total.bad_found} of {total.bad} with a median "
        "mark of 3 or less"
    )
    return Group(shown, Text(), Text(line))


def _misread(clip: PersonClip) -> list[str]:
    return [word.text for word in clip.words if word.marks and median(word.marks) <= MISREAD]


def _read(row: PersonRow) -> Text:
    result = row.outcome.result if row.outcome else None
    if result is not None and result.phrases[0].status is PhraseStatus.SCORED:
        return phrase_text(result.phrases[0])
    code = result.phrases[0].error_code if result else row.outcome.error_code if row.outcome else "no outcome"
    return Text.assemble((safe(row.clip.text), "dim"), "\n", (safe(code), "red"))
