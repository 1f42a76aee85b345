"""``python -m streamproc.training.people.fitting DATA MODEL``: the word classifier that goes with a model.

Weights are fitted on all readings of the train part; their scale and the thresholds on those 25 speakers alone whom the
network has not heard, as on others it looks surer than it is: each fifth of them judged by weights fitted without them.
The label of a word is the share of experts who gave it 6 or less. Made clips with seeded mistakes stand beside them, so
that clear mistakes of clear voices are found, and the same readings as parts of longer ones, half of those in halls.
Readings that teachers have corrected may stand beside them too; a teacher counts as one expert.

Which phonemes a word has is no evidence, only how they were heard: what these speakers find difficult, others do not.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from streamproc.inference.hama import Hama
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.evidence import EVIDENCE, lay_out
from streamproc.scoring.misread import FARTHEST, Hidden, WordClassifier
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import HeardPhrase, blur, hear, phrase_evidence
from streamproc.scoring.usual import Usual
from streamproc.scoring.variants import VariantAligner
from streamproc.training.corpus import VOICES, draw_voice, misread, read_well, training_sentence
from streamproc.training.evaluate import Recogniser, digest
from streamproc.training.mixture import calibration_speakers
from streamproc.training.people.clips import Floats, PersonClip, read_folder
from streamproc.training.people.descent import descend
from streamproc.training.people.longer import longer_readings
from streamproc.training.people.second import Fused, fused_name
from streamproc.training.people.verdicts import FULL, MISREAD, PhonemeModel
from streamproc.training.speech import Synthesiser

POINTS = {"lenient": 0.03, "balanced": 0.06, "strict": 0.12}
"""The false alarms, of words that all experts found perfect, that each operating point may make on unheard speakers."""

LEAST_FIT = 0.01
"""Of readings of unheard speakers, how many may lie below ``least_fit``."""

_MADE_CLIPS = 600
_FOLDS = 5
_TINY = 1e-8

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MarkedReading:
    """A clip that was listened to: for each word its label from 0 to 1, and whether all experts found it perfect."""

    speaker: str
    log_probs: Floats
    heard: HeardPhrase
    wrong: Sequence[float]
    perfect: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Examples:
    """Words: their evidence, labels from 0 to 1, whether all experts found them perfect, whether heard exactly, their
    speakers; and the fit and the blur of each phrase."""

    table: Array
    labels: Array
    full: NDArray[np.bool_]
    exact: NDArray[np.bool_]
    speaker: NDArray[np.str_]
    fits: Array
    blurs: Array

    @classmethod
    def of(cls, *parts: Examples) -> Examples:
        """All of them."""
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def without(self, speakers: NDArray[np.str_]) -> Examples:
        """The words of others than these; fit and blur of all phrases."""
        kept = ~np.isin(self.speaker, speakers)
        return Examples(
            self.table[kept],
            self.labels[kept],
            self.full[kept],
            self.exact[kept],
            self.speaker[kept],
            self.fits,
            self.blurs,
        )


def people_readings(clips: Iterable[PersonClip], model: PhonemeModel) -> list[MarkedReading]:
    """Marked recordings, listened to."""
    aligner = VariantAligner()
    return [
        _listen(
            clip.speaker, clip.audio(), [word.text for word in clip.words],
            [float(np.mean(np.array(word.marks) <= MISREAD)) for word in clip.words],
            [min(word.marks) >= FULL for word in clip.words], model, aligner,
        )
        for clip in clips
    ]  # fmt: skip


def made_readings(model: PhonemeModel, seed: int) -> list[MarkedReading]:
    """Made sentences, half of them with mistakes."""
    rng, synthesiser, readings = random.Random(f"{seed}:verdicts"), Synthesiser(), []
    aligner = VariantAligner()
    for number in range(_MADE_CLIPS):
        reading = read_well(training_sentence(rng), rng)
        if number % 2:
            reading = misread(reading, rng, ["mispronounced"] * rng.randint(1, 2))
        wrong = {change.index for change in reading.changes}
        audio = synthesiser.say(reading.said, draw_voice(rng, VOICES)).audio
        places = range(len(reading.expected))
        marks = [float(place in wrong) for place in places], [place not in wrong for place in places]
        readings.append(_listen("made", audio, reading.expected, *marks, model, aligner))
    return readings


def _listen(
    speaker: str, audio: Floats, texts: Sequence[str], wrong: Sequence[float], perfect: Sequence[bool],
    model: PhonemeModel, aligner: VariantAligner,
) -> MarkedReading:  # fmt: skip
    (logits,) = model.logits([audio])
    log_probs = log_softmax(logits)
    expected = [ExpectedWord(text, lexicon.pronunciations(text)) for text in texts]
    return MarkedReading(speaker, log_probs, hear(log_probs, expected, aligner), wrong, perfect)


def usual_of(readings: Sequence[MarkedReading]) -> Usual:
    """How each phoneme sounds in the words that all experts found perfect."""
    codes, goodness, rivalry = [], [], []
    for reading in readings:
        expected = [word for word in reading.heard.words if word.expected]
        judged = [(word, good) for word, good in zip(expected, reading.perfect, strict=True) if word.reference]
        laid = lay_out([word for word, _ in judged], reading.log_probs)
        if laid is not None:
            counted = np.repeat([good for _, good in judged], [len(word.reference) for word, _ in judged])
            codes.append(np.frombuffer(laid.codes, np.uint8)[counted])
            goodness.append(np.array(laid.goodness)[counted])
            rivalry.append(np.array(laid.rivalry)[counted])
    return Usual.of(np.concatenate(codes).astype(np.int64), np.concatenate(goodness), np.concatenate(rivalry))


def examples(readings: Sequence[MarkedReading], usual: Usual) -> Examples:
    """The words of the readings whose text can be laid over their audio."""
    tables, labels, full, exact, speakers, fits, blurs = [], [], [], [], [], [], []
    for reading in readings:
        expected = [index for index, word in enumerate(reading.heard.words) if word.expected]
        evidence = phrase_evidence(reading.heard, reading.log_probs, usual)
        if evidence is None:
            continue
        tables.append(evidence.table)
        fits.append(evidence.fit)
        blurs.append(blur(reading.log_probs))
        for place in evidence.places:
            number = expected.index(place)
            labels.append(reading.wrong[number])
            full.append(reading.perfect[number])
            exact.append(reading.heard.words[place].exact)
            speakers.append(reading.speaker)
    return Examples(
        np.concatenate(tables),
        np.array(labels),
        np.array(full),
        np.array(exact),
        np.array(speakers),
        np.array(fits),
        np.array(blurs),
    )


def fit(
    model_sha256: str, heard: Examples, unheard: Examples, longer: Examples, made: Examples, usual: Usual
) -> WordClassifier:
    """The classifier. ``heard``: words of speakers of the network's training; ``unheard``: of the others, who must be
    five or more; ``longer``: of those others in longer readings, half of them in halls, for the weights and neither
    scale nor points; the most blurred of them is the most that a reading may be."""
    odds = apart_odds(heard, unheard, longer, made)
    # Platt's scaling (1999), on people whom neither the network nor the weights have met.
    slope, shift = scaling(odds, unheard.labels)
    probabilities = np.where(unheard.exact, 0.0, 1 / (1 + np.exp(-(slope * odds + shift))))
    points = {
        name: round(float(np.quantile(probabilities[unheard.full], 1 - share)), 4) for name, share in POINTS.items()
    }
    raw = _weights(Examples.of(heard, unheard, longer, made))
    return replace(
        raw, model_sha256=model_sha256, weights=slope * raw.weights, bias=slope * raw.bias + shift,
        hidden=replace(raw.hidden, out=slope * raw.hidden.out), points=points,
        least_fit=round(float(np.quantile(unheard.fits, LEAST_FIT)), 3), usual=usual,
        most_blur=round(float(longer.blurs.max()), 3),
    )  # fmt: skip


def apart_odds(heard: Examples, unheard: Examples, longer: Examples, made: Examples) -> Array:
    """The odds of each unheard word by weights that were fitted without its speaker, before they are scaled."""
    speakers = np.unique(unheard.speaker)
    odds = np.zeros(len(unheard.labels))
    for fold in range(_FOLDS):
        without = [part.without(speakers[fold::_FOLDS]) for part in (unheard, longer)]
        inside = np.isin(unheard.speaker, speakers[fold::_FOLDS])
        odds[inside] = _weights(Examples.of(heard, *without, made)).odds(unheard.table[inside])
    return odds


def _weights(words: Examples) -> WordClassifier:
    """A classifier that is not scaled yet, and has no points."""
    centre, scale = words.table.mean(axis=0), words.table.std(axis=0) + 1e-6
    normal = np.clip((words.table - centre) / scale, -FARTHEST, FARTHEST)
    hidden, bias, out, direct, shift = descend(normal, words.labels)
    return WordClassifier("", centre, scale, direct, float(shift), {}, 0.0, Hidden(hidden, bias, out))


def scaling(odds: Array, labels: Array) -> tuple[float, float]:
    """Slope and shift that make probabilities of odds, by Newton's method."""
    slope, shift = 1.0, 0.0
    for _ in range(30):
        said = 1 / (1 + np.exp(-(slope * odds + shift)))
        steepness = said * (1 - said) + _TINY
        gradient = np.array([(labels - said) @ odds, (labels - said).sum()])
        mixed = steepness @ odds
        step = np.linalg.solve([[steepness @ odds**2, mixed], [mixed, steepness.sum()]], gradient)
        slope, shift = slope + step[0], shift + step[1]
    return float(slope), float(shift)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("data", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("model", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON to write.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the made clips.")
@click.option("--second", type=click.Choice(["hama"]), help="For MODEL and this one as one.")
@click.option(
    "--corrected", type=click.Path(file_okay=False, exists=True, path_type=Path), multiple=True,
    help="A folder of `streamproc corrections export`, to be learnt from too; again for more of them.",
)  # fmt: skip
def main(data: Path, model: Path, output: Path, seed: int, second: str | None, corrected: tuple[Path, ...]) -> None:
    """Fit the classifier of MODEL (an ONNX file) on what `streamproc.training.data` made in DATA."""
    fitted = fused_classifier_of if second else classifier_of
    with Console(stderr=True).status("listening"):
        classifier = fitted(data, model, seed, corrected)
    output.write_text(json.dumps(classifier.to_json(), indent=1) + "\n", "utf-8")
    print(f"{output}: {len(EVIDENCE)} weights")


def classifier_of(data: Path, model: Path, seed: int, corrected: Sequence[Path] = ()) -> WordClassifier:
    """The classifier of a model.

    ``data``: what `streamproc.training.data` made; ``seed``: of the made clips; ``corrected``: folders of
    `streamproc corrections export`.
    """
    return _fitted(data, Recogniser(model), digest(model), seed, corrected)


def fused_classifier_of(data: Path, model: Path, seed: int, corrected: Sequence[Path] = ()) -> WordClassifier:
    """The classifier of a model and hama as one. Raises StreamprocError where hama is not installed."""
    return _fitted(data, Fused(Recogniser(model), Hama()), fused_name(digest(model)), seed, corrected)


def corrected_examples(folders: Sequence[Path], model: PhonemeModel, usual: Usual) -> list[Examples]:
    """What teachers have corrected, if anything. Raises FolderError."""
    clips = [clip for folder in folders for clip in read_folder(folder)]
    return [examples(people_readings(clips, model), usual)] if clips else []


def _fitted(data: Path, model: PhonemeModel, name: str, seed: int, corrected: Sequence[Path]) -> WordClassifier:
    clips = read_folder(data / "real/train")
    apart = calibration_speakers([{"speaker": clip.speaker, "age": clip.age} for clip in clips])
    readings = people_readings(clips, model)
    usual = usual_of(readings)
    longer = people_readings(longer_readings(clips, seed), model)

    def of(readings: Sequence[MarkedReading], heard: bool) -> Examples:
        return examples([reading for reading in readings if (reading.speaker not in apart) is heard], usual)

    made = examples(made_readings(model, seed), usual)
    heard = Examples.of(of(readings, True), of(longer, True), *corrected_examples(corrected, model, usual))
    return fit(name, heard, of(readings, False), of(longer, False), made, usual)


if __name__ == "__main__":
    main()
