"""``python -m streamproc.training.people.fitting DATA MODEL``: the word classifier that goes with a model.

Weights are fitted on all readings of the train part; then their scale and the thresholds on those 25 speakers alone
whom the network has not heard, as on others it looks surer than it is. The label of a word is the share of experts who
gave it 6 or less. Made clips with seeded mistakes stand beside them, so that clear mistakes of clear voices are found.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from streamproc.inference.hama import Hama
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.misread import FARTHEST, WordClassifier
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import hear, phrase_evidence
from streamproc.scoring.variants import VariantAligner
from streamproc.training.corpus import VOICES, draw_voice, misread, read_well, training_sentence
from streamproc.training.evaluate import Recogniser, digest
from streamproc.training.mixture import calibration_speakers
from streamproc.training.people.clips import Floats, PersonClip, read_folder
from streamproc.training.people.second import Fused, fused_name
from streamproc.training.people.verdicts import FULL, MISREAD, PhonemeModel
from streamproc.training.speech import Synthesiser

POINTS = {"lenient": 0.03, "balanced": 0.06, "strict": 0.12}
"""The false alarms, of words that all experts found perfect, that each operating point may make on unheard speakers."""

LEAST_FIT = 0.01
"""Of readings of unheard speakers, how many may lie below ``least_fit``."""

_MADE_CLIPS, _MADE_WEIGHT = 600, 2.0
_RIDGE = 3.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Words: their evidence, labels from 0 to 1, whether all experts found them perfect, whether heard exactly; and the
    fit of each phrase."""

    table: Array
    labels: Array
    full: NDArray[np.bool_]
    exact: NDArray[np.bool_]
    fits: Array


def people_examples(clips: Sequence[PersonClip], model: PhonemeModel) -> Examples:
    """The words of marked recordings."""
    return _examples(
        (
            (
                clip.audio(),
                [word.text for word in clip.words],
                [float(np.mean(np.array(word.marks) <= MISREAD)) for word in clip.words],
                [min(word.marks) >= FULL for word in clip.words],
            )
            for clip in clips
        ),
        model,
    )


def made_examples(model: PhonemeModel, seed: int) -> Examples:
    """The words of made sentences, half of them with mistakes."""

    def clips() -> Iterator[tuple[Floats, list[str], list[float], list[bool]]]:
        rng, synthesiser = random.Random(f"{seed}:verdicts"), Synthesiser()
        for number in range(_MADE_CLIPS):
            reading = read_well(training_sentence(rng), rng)
            if number % 2:
                reading = misread(reading, rng, ["mispronounced"] * rng.randint(1, 2))
            wrong = {change.index for change in reading.changes}
            audio = synthesiser.say(reading.said, draw_voice(rng, VOICES)).audio
            places = range(len(reading.expected))
            yield audio, list(reading.expected), [float(i in wrong) for i in places], [i not in wrong for i in places]

    return _examples(clips(), model)


def _examples(clips: Iterator[tuple[Floats, list[str], list[float], list[bool]]], model: PhonemeModel) -> Examples:
    aligner = VariantAligner()
    tables, labels, full, exact, fits = [], [], [], [], []
    for audio, texts, wrong, perfect in clips:
        (logits,) = model.logits([audio])
        log_probs = log_softmax(logits)
        heard = hear(log_probs, [ExpectedWord(text, lexicon.pronunciations(text)) for text in texts], aligner)
        expected = [index for index, word in enumerate(heard.words) if word.expected]
        evidence = phrase_evidence(heard, log_probs)
        if evidence is None:
            continue
        tables.append(evidence.table)
        fits.append(evidence.fit)
        for place in evidence.places:
            number = expected.index(place)
            labels.append(wrong[number])
            full.append(perfect[number])
            exact.append(heard.words[place].exact)
    return Examples(np.concatenate(tables), np.array(labels), np.array(full), np.array(exact), np.array(fits))


def fit(model_sha256: str, heard: Examples, unheard: Examples, made: Examples) -> WordClassifier:
    """The classifier. ``heard``: words of speakers of the network's training; ``unheard``: of the others."""
    table = np.concatenate([heard.table, unheard.table, made.table])
    labels = np.concatenate([heard.labels, unheard.labels, made.labels])
    weights = np.concatenate(
        [np.ones(len(heard.labels) + len(unheard.labels)), np.full(len(made.labels), _MADE_WEIGHT)]
    )
    centre, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
    normal = np.clip((table - centre) / scale, -FARTHEST, FARTHEST)
    coefficients = _logistic(normal, labels, weights, _RIDGE)
    apart = np.clip((unheard.table - centre) / scale, -FARTHEST, FARTHEST)
    odds = apart @ coefficients[:-1] + coefficients[-1]
    # Platt's scaling (1999), on people whom the network has not heard.
    slope, shift = _logistic(odds[:, None], unheard.labels, np.ones(len(odds)), 1e-3)
    probabilities = np.where(unheard.exact, 0.0, 1 / (1 + np.exp(-(slope * odds + shift))))
    points = {
        name: round(float(np.quantile(probabilities[unheard.full], 1 - share)), 4) for name, share in POINTS.items()
    }
    return WordClassifier(
        model_sha256, centre, scale, slope * coefficients[:-1], float(slope * coefficients[-1] + shift), points,
        round(float(np.quantile(unheard.fits, LEAST_FIT)), 3),
    )  # fmt: skip


def _logistic(table: Array, labels: Array, weights: Array, ridge: float) -> Array:
    """Weights and bias (last) of a logistic regression, by Newton's method; the bias is not drawn to zero."""
    design = np.column_stack([table, np.ones(len(table))])
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0
    found = np.zeros(design.shape[1])
    for _ in range(30):
        said = 1 / (1 + np.exp(-(design @ found)))
        gradient = design.T @ (weights * (labels - said)) - penalty * found
        curvature = (design * (weights * said * (1 - said))[:, None]).T @ design + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        found = found + step
        if np.abs(step).max() < 1e-6:
            break
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("data", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("model", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON to write.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the made clips.")
@click.option("--second", type=click.Choice(["hama"]), help="For MODEL and this one as one.")
def main(data: Path, model: Path, output: Path, seed: int, second: str | None) -> None:
    """Fit the classifier of MODEL (an ONNX file) on what `streamproc.training.data` made in DATA."""
    with Console(stderr=True).status("listening"):
        classifier = fused_classifier_of(data, model, seed) if second else classifier_of(data, model, seed)
    output.write_text(json.dumps(classifier.to_json(), indent=1) + "\n", "utf-8")
    print(f"{output}: {len(EVIDENCE)} weights")


def classifier_of(data: Path, model: Path, seed: int) -> WordClassifier:
    """The classifier of a model; ``data``: what `streamproc.training.data` made, ``seed``: of the made clips."""
    return _fitted(data, Recogniser(model), digest(model), seed)


def fused_classifier_of(data: Path, model: Path, seed: int) -> WordClassifier:
    """The classifier of a model and hama as one. Raises StreamprocError where hama is not installed."""
    return _fitted(data, Fused(Recogniser(model), Hama()), fused_name(digest(model)), seed)


def _fitted(data: Path, model: PhonemeModel, name: str, seed: int) -> WordClassifier:
    clips = read_folder(data / "real/train")
    apart = calibration_speakers([{"speaker": clip.speaker, "age": clip.age} for clip in clips])
    heard = people_examples([clip for clip in clips if clip.speaker not in apart], model)
    unheard = people_examples([clip for clip in clips if clip.speaker in apart], model)
    return fit(name, heard, unheard, made_examples(model, seed))


if __name__ == "__main__":
    main()
