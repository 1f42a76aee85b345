"""``python -m streamproc.training.miscue_report``: readings in which more happens than single mistakes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streamproc.contracts.generated.events import Verdict
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.fluency import FLAGGED
from streamproc.scoring.loading import decibels
from streamproc.scoring.misread import Strictness, strictness_of
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.unscorable import explained
from streamproc.scoring.variants import VariantAligner
from streamproc.training.evaluate import MARGIN, MODEL, Recogniser, digest
from streamproc.training.miscues import MiscueClip, made, spliced
from streamproc.training.people.clips import read_folder

MiscueRow = dict[str, "float | int | dict[str, int] | None"]


class MiscueJudge:
    """Judges clips as the worker does, and counts by kind."""

    def __init__(self, recogniser: Recogniser, strictness: Strictness | None) -> None:
        self._recogniser, self._strictness = recogniser, strictness
        self._aligner = VariantAligner()

    def rows(self, clips: Iterable[MiscueClip]) -> dict[str, MiscueRow]:
        """By kind: ``clips``; ``codes`` of those that are FAILED; of the others the share of ``read`` words that are
        flagged, of ``unread`` words that are, and of clips with more said, those with an INSERTED word (``extra``)."""
        tallies: defaultdict[str, Counter[str]] = defaultdict(Counter)
        codes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for clip in clips:
            tally = tallies[clip.kind]
            tally["clips"] += 1
            code = self._add(clip, tally)
            if code is not None:
                codes[clip.kind][code.name] += 1
        return {
            kind: {
                "clips": tally["clips"], "codes": dict(codes[kind]),
                "read_flagged": _share(tally["read_flagged"], tally["read"]),
                "unread_flagged": _share(tally["unread_flagged"], tally["unread"]),
                "extra_inserted": _share(tally["extra_inserted"], tally["extra"]),
            }
            for kind, tally in tallies.items()
        }  # fmt: skip

    def _add(self, clip: MiscueClip, tally: Counter[str]) -> ErrorCode | None:
        (logits,) = self._recogniser.logits([clip.audio])
        words = [ExpectedWord(word, lexicon.pronunciations(word)) for word in clip.text]
        try:
            found = score_phrase(log_softmax(logits), words, self._aligner, MARGIN, strictness=self._strictness)
        except StreamprocError as error:
            return explained(error, decibels(clip.audio)).code
        verdicts = [result.verdict for result in found if result.verdict is not Verdict.INSERTED]
        for place, verdict in enumerate(verdicts):
            if place in clip.doubted and place not in clip.unread:
                continue
            name = "unread" if place in clip.unread else "read"
            tally[name] += 1
            tally[f"{name}_flagged"] += verdict in FLAGGED
        if clip.extra:
            tally["extra"] += 1
            tally["extra_inserted"] += len(verdicts) < len(found)
        return None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _table(title: str, rows: dict[str, MiscueRow]) -> Table:
    shown = Table(title=title)
    for name in ("", "clips", "FAILED", "read, flagged", "unread, flagged", "extra, INSERTED"):
        shown.add_column(name, justify="right" if name else "left")
    for kind, row in rows.items():
        codes = row["codes"]
        assert isinstance(codes, dict)
        failed = ", ".join(f"{name} {count}" for name, count in codes.items())
        shares = (row[name] for name in ("read_flagged", "unread_flagged", "extra_inserted"))
        shown.add_row(
            kind, str(row["clips"]), failed,
            *(f"{100 * share:.1f} %" if isinstance(share, float) else "" for share in shares),
        )  # fmt: skip
    return shown


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", type=click.Path(dir_okay=False, exists=True, path_type=Path), default=MODEL, help="ONNX file.")
@click.option("--count", type=click.IntRange(min=1), default=60, show_default=True, help="Made clips of each kind.")
@click.option(
    "--people", type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Recordings as `streamproc models evaluate` takes them: clips of one speaker are spliced.",
)  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def main(model: Path, count: int, people: Path | None, output: Path | None) -> None:
    """Show what becomes of repetitions, self-corrections, skipped lines, and of what is no reading."""
    judge = MiscueJudge(Recogniser(model), strictness_of(digest(model), "balanced"))
    with Console(stderr=True).status("judging"):
        found = {"made": judge.rows(made(count))}
        if people is not None:
            found["people"] = judge.rows(spliced(read_folder(people)))
    for title, rows in found.items():
        Console().print(_table(title, rows))
    if output is not None:
        output.write_text(json.dumps({"model_sha256": digest(model), **found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
