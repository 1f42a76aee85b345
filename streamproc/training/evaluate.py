"""How well a trained model hears, and how well the worker's own scoring finds misread words with it.

``python -m streamproc.training.evaluate`` prints the figures of the model in the tree.
Needs espeak-ng and onnxruntime (the extras ``speech`` and ``onnx``), not torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import click
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from aligner_mypyc import MATCH, Aligner, CostModel, Inventory
from streamproc.contracts.generated.events import Verdict
from streamproc.errors import StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import Decode, decoder, greedy_decode, log_softmax
from streamproc.scoring.fluency import FLAGGED
from streamproc.scoring.misread import Strictness, strictness_of
from streamproc.scoring.phonemes import PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings
from streamproc.training.augment import from_8_khz, with_noise
from streamproc.training.corpus import SPLIT_SEED, Clip, Split, split_clips, split_readings
from streamproc.training.speech import Synthesiser

Floats = NDArray[np.float32]

MODEL = Path(__file__).parents[2] / "models/phonemes/2/model.onnx"
"""The model that is served."""

MARGIN: float = ScoringSettings.model_fields["margin"].default
"""The worker's default margin (``STREAMPROC_SCORING__MARGIN``)."""

Report = dict[str, float | int | None]
"""The figures of one split by name."""


def digest(model: Path) -> str:
    """The SHA-256 of a model's file, by which results and classifiers name it."""
    return hashlib.sha256(model.read_bytes()).hexdigest()


class Recogniser:
    """The exported model on this machine's CPU, one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """[frames, 41] for each clip of 16 kHz samples, computed as one batch."""
        lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
        audio = np.zeros((len(clips), lengths.max()), dtype=np.float32)
        for row, clip in zip(audio, clips, strict=True):
            row[: len(clip)] = clip
        logits, frames = self._session.run(None, {"audio": audio, "lengths": lengths})
        return [row[:count] for row, count in zip(logits, frames, strict=True)]


@dataclass
class ModelFigures:
    """Sums over clips; the ratios that are reported come from them."""

    clips: int = 0
    seconds: float = 0.0
    phonemes: int = 0
    errors: int = 0
    words: int = 0
    misread: int = 0
    flagged: int = 0
    found: int = 0
    inserted: int = 0
    inserted_found: int = 0
    inserted_false: int = 0
    missed: list[str] = field(default_factory=list)
    """Words that were misread and not flagged, with what was said: for a person to look at."""

    @property
    def phoneme_error_rate(self) -> float:
        """Substituted, deleted and inserted phonemes over those spoken."""
        return self.errors / max(self.phonemes, 1)

    @property
    def precision(self) -> float:
        """Of the flagged words, those that were misread."""
        return self.found / self.flagged if self.flagged else 1.0

    @property
    def recall(self) -> float:
        """Of the misread or skipped words, those that were flagged."""
        return self.found / self.misread if self.misread else 1.0

    @property
    def false_alarms(self) -> float:
        """Of the well-read words, those that were flagged."""
        return (self.flagged - self.found) / max(self.words - self.misread, 1)

    def report(self) -> Report:
        """All figures, rounded, as JSON takes them; no precision and recall where nothing was misread."""
        return {
            "clips": self.clips,
            "minutes": round(self.seconds / 60, 1),
            "phoneme_error_rate": round(self.phoneme_error_rate, 4),
            "words": self.words,
            "misread": self.misread,
            "precision": round(self.precision, 4) if self.misread else None,
            "recall": round(self.recall, 4) if self.misread else None,
            "false_alarms": round(self.false_alarms, 4),
            "added_words": self.inserted,
            "added_words_found": self.inserted_found,
            "added_words_false": self.inserted_false,
        }


class Judge:
    """Scores clips as the worker does and counts how right it is."""

    def __init__(
        self,
        recogniser: Recogniser,
        margin: float = MARGIN,
        strictness: Strictness | None = None,
        decode: Decode = greedy_decode,
    ) -> None:
        self._recogniser = recogniser
        self._strictness = strictness
        self._aligner = Aligner(CostModel(Inventory(PHONEMES)))
        self._scoring_aligner = VariantAligner()
        self._margin = margin
        self._decode = decode

    def figures(self, clips: Iterable[Clip], channel: Callable[[Floats], Floats] | None = None) -> ModelFigures:
        """Sums over ``clips``, each sent through ``channel`` (what a recorder does to it) first."""
        figures = ModelFigures()
        for group in _groups(clips, 16):
            heard = self._recogniser.logits([channel(c.speech.audio) if channel else c.speech.audio for c in group])
            for clip, logits in zip(group, heard, strict=True):
                self._add(figures, clip, log_softmax(logits))
        return figures

    def _add(self, figures: ModelFigures, clip: Clip, log_probs: Floats) -> None:
        spoken = lexicon.encode(clip.speech.phonemes)
        heard = bytes(token.code for token in self._decode(log_probs))
        steps = self._aligner.align(spoken, heard)
        figures.clips += 1
        figures.seconds += len(clip.speech.audio) / 16_000
        figures.phonemes += len(spoken)
        figures.errors += sum(step != MATCH for step in steps)

        words = [ExpectedWord(word, lexicon.pronunciations(word)) for word in clip.reading.expected]
        try:
            results = score_phrase(
                log_probs, words, self._scoring_aligner, self._margin, self._decode, strictness=self._strictness
            )
        except StreamprocError:  # nobody, or another text, is said to be heard: no word is flagged
            results = []
        verdicts = [result.verdict for result in results if result.verdict is not Verdict.INSERTED]
        wrong = {change.index for change in clip.reading.changes if change.kind != "inserted"}
        added = sum(change.kind == "inserted" for change in clip.reading.changes)
        extra = len(results) - len(verdicts)
        flagged = {index for index, verdict in enumerate(verdicts) if verdict in FLAGGED}
        figures.words += len(words)
        figures.misread += len(wrong)
        figures.flagged += len(flagged)
        figures.found += len(flagged & wrong)
        figures.inserted += added
        figures.inserted_found += min(added, extra)
        figures.inserted_false += max(0, extra - added)
        figures.missed += [words[index].text for index in sorted(wrong - flagged)]


SPLITS: tuple[Split, ...] = ("held_out_sentences", "held_out_voices", "misread", "unseen_words", "demo")


def evaluate(
    model: Path,
    *,
    clips: int = 400,
    decode: Decode = greedy_decode,
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, Report]:
    """The figures of every split, and of misread clips through bad recorders, on up to ``clips`` clips each."""
    judge = Judge(Recogniser(model), strictness=strictness_of(digest(model), "balanced"), decode=decode)
    synthesiser = Synthesiser()
    report: dict[str, Report] = {}
    for split in SPLITS:
        progress(split)
        spoken = list(split_clips(split, split_readings(split)[:clips], synthesiser))
        report[split] = judge.figures(spoken).report()
        if split == "misread":
            for name, channel in CHANNELS.items():
                progress(f"misread, {name}")
                report[f"misread, {name}"] = judge.figures(spoken, channel).report()
    return report


def _quiet(audio: Floats) -> Floats:
    return audio * np.float32(0.02)


def _noisy(audio: Floats) -> Floats:
    return with_noise(audio, 20, seed=len(audio))


CHANNELS: dict[str, Callable[[Floats], Floats]] = {
    "recorded at 8 kHz": from_8_khz,
    "white noise 20 dB below": _noisy,
    "34 dB quieter": _quiet,
}
"""What recorders may do to a clip."""


def _groups(clips: Iterable[Clip], size: int) -> Iterator[list[Clip]]:
    group: list[Clip] = []
    for clip in clips:
        group.append(clip)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=MODEL,
    show_default="the served one", help="The ONNX file to judge.",
)  # fmt: skip
@click.option("--clips", type=click.IntRange(1, 400), default=400, show_default=True, help="Clips of each split.")
@click.option(
    "--decode", type=click.Choice(["greedy", "beam"]), default="greedy", show_default=True,
    help="How phonemes are found (STREAMPROC_SCORING__DECODE).",
)  # fmt: skip
@click.option("--beam-width", type=click.IntRange(1, 16), default=8, show_default=True, help="With --decode beam.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to this JSON file too."
)
def main(model: Path, clips: int, decode: Literal["greedy", "beam"], beam_width: int, output: Path | None) -> None:
    """Judge a phoneme model on synthetic readings that it was not trained on.

    Prints a table and, as its last line, one JSON object. PER is the phoneme error rate; precision and recall are of
    finding misread and skipped words; false alarms are the well-read words that were flagged.
    """
    console = Console(stderr=True)
    with console.status("") as status:
        report = evaluate(
            model,
            clips=clips,
            decode=decoder(decode, beam_width),
            progress=lambda name: status.update(f"speaking and judging: {name}"),
        )
    figures = {
        "model_sha256": digest(model),
        "split_seed": SPLIT_SEED,
        "margin": MARGIN,
        "decode": decode if decode == "greedy" else f"beam of {beam_width}",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": {name: version(name) for name in ("onnxruntime", "espeakng-loader", "numpy")},
        "splits": report,
    }
    Console().print(table(report))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))


def table(report: Mapping[str, Report]) -> Table:
    """The figures for people."""
    shown = Table(title="Phoneme model on synthetic speech")
    shown.add_column("clips of")
    for name in ("clips", "PER", "misread words", "precision", "recall", "false alarms"):
        shown.add_column(name, justify="right")
    for split, row in report.items():
        percents = [percent(row[key]) for key in ("phoneme_error_rate", "precision", "recall", "false_alarms")]
        shown.add_row(
            split.replace("_", " "), str(row["clips"]), percents[0], str(row["misread"]), *percents[1:]
        )  # fmt: skip
    return shown


def percent(ratio: float | None) -> str:
    """0.0312 as 3.1 %; None as nothing."""
    return "" if ratio is None else f"{100 * ratio:.1f} %"


if __name__ == "__main__":
    main()
