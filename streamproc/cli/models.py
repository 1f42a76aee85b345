"""``streamproc models``: phoneme models, checked against what they are said to be and judged on people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streamproc.cli.model_check import check
from streamproc.cli.model_drift import drift
from streamproc.cli.model_gate import gate
from streamproc.cli.model_register import register
from streamproc.cli.model_repository import repository
from streamproc.cli.model_routing import COMMANDS
from streamproc.cli.numbers import Number
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.form import BUILT_IN
from streamproc.scoring.judging import judging_by
from streamproc.scoring.misread import OperatingPoint, Strictness, from_json, strictness_of
from streamproc.settings import ScoringSettings
from streamproc.terminal import example

if TYPE_CHECKING:
    from streamproc.training.people.figures import PeopleReport

MARGIN: float = ScoringSettings.model_fields["margin"].default


@click.group()
def command() -> None:
    """Phoneme models: what each is, how well it judges people, and which of them score.

    A new model's way: `check` it, `evaluate` it, have it heard as `shadow`, let it score a few learners as `canary`,
    then `promote` it; `rollback` takes it back. Each change is an event in STREAMPROC_KAFKA__CONTROL_TOPIC, which all
    workers obey at once, without a restart; `status` shows who changed what, and why.
    """


for _command in (check, drift, gate, register, repository, *COMMANDS):
    command.add_command(_command)


@command.command(epilog=example("models evaluate recordings --html report.html"))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--model", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default="the one in the tree", help="An ONNX file.",
)  # fmt: skip
@click.option(
    "--margin", type=Number(min=0), show_default=f"the model's in models.toml, else {MARGIN:g}",
    help="As STREAMPROC_SCORING__MARGIN.",
)  # fmt: skip
@click.option(
    "--operating-point", type=click.Choice(["lenient", "balanced", "strict"]), default="balanced", show_default=True,
    help="As STREAMPROC_SCORING__OPERATING_POINT, where the model has a classifier.",
)  # fmt: skip
@click.option(
    "--classifier", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A word classifier's JSON instead of the one that is shipped for the model.",
)  # fmt: skip
@click.option(
    "--second", type=click.Choice(["hama"]), help="Ask this model too, alone and with the first as one (extra hama)."
)
@click.option(
    "--second-classifier", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A word classifier's JSON for both models as one, instead of the one that is shipped for them.",
)  # fmt: skip
@click.option(
    "--rooms", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Judge every recording in these rooms too: a folder that streamproc.training.rooms made.",
)  # fmt: skip
@click.option(
    "--channels", is_flag=True, help="Judge every recording over poor channels too: 8 kHz, MP3, noise and more."
)
@click.option(
    "--every", type=click.IntRange(min=1), default=1, show_default=True, help="Judge every n-th recording alone."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report, for 'models gate'.")
@click.option(
    "--models-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge the model that this models.toml calls --name, whatever its form.",
)  # fmt: skip
@click.option("--name", default="", help="A table of --models-file.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with pictures and audio.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as the last line.")
def evaluate(
    folder: Path,
    model: Path | None,
    margin: float | None,
    operating_point: OperatingPoint,
    classifier: Path | None,
    second: str | None,
    second_classifier: Path | None,
    rooms: Path | None,
    channels: bool,
    every: int,
    html: Path | None,
    output: Path | None,
    models_file: Path | None,
    name: str,
    as_json: bool,
) -> None:
    """Judge a model on the recordings in FOLDER, by age and condition.

    FOLDER holds a manifest.jsonl, one table *.csv (columns file, text; speaker, age, condition where known), or Kaldi's
    wav.scp and text. Without experts' marks of the words every word counts as read well.

    A recording that cannot be read is named and counted, the others are judged, and the exit code is 1; it is 0 where
    all were read.
    """
    try:
        from streamproc.training.channels import CHANNELS, clips_over
        from streamproc.training.declared_recogniser import DeclaredRecogniser, declared_model
        from streamproc.training.evaluate import MODEL, Recogniser, digest
        from streamproc.training.people import columns, figures, page
        from streamproc.training.people.clips import FolderError, read_folder, readable
        from streamproc.training.people.recordings import recordings_sha256
        from streamproc.training.people.second import disputes, fused_name, opinions
        from streamproc.training.people.verdicts import judge
        from streamproc.training.rooms import clips_in_room, read_rooms
    except ImportError as missing:
        raise click.ClickException(f"{missing}: pip install 'streamproc[onnx]'") from None
    for option, file in (("--html", html), ("--output", output)):
        if file is not None and not file.parent.is_dir():
            raise click.BadParameter(f"there is no folder {file.parent}", param_hint=f"'{option}'")
    if (models_file is None) == bool(name):
        raise click.UsageError("--models-file and --name go together")
    declared = None
    if models_file is not None:
        if model is not None:
            raise click.UsageError("--model and --models-file both name a model")
        model, declared = declared_model(models_file, name)
    if margin is None:
        margin = MARGIN if declared is None or declared.margin is None else declared.margin
    model = model or MODEL
    named = digest(model)
    strictness = _strictness(classifier, operating_point) if classifier else strictness_of(named, operating_point)
    judging = judging_by(declared or BUILT_IN, margin, strictness)
    fused = None
    if second:
        chosen = second_classifier
        fused = _strictness(chosen, operating_point) if chosen else strictness_of(fused_name(named), operating_point)
    console = Console(stderr=True)
    try:
        found = read_folder(folder)[::every]
        with Progress(console=console, transient=True) as bar:
            reading = bar.add_task("reading", total=len(found))
            clips, broken = readable(found, lambda done: bar.update(reading, completed=done))
            task = bar.add_task("judging", total=len(clips))
            try:
                listener = Recogniser(model) if declared is None else DeclaredRecogniser(model, declared)
            except Exception as error:  # noqa: BLE001 - what onnxruntime raises has no other class in common
                raise click.ClickException(f"{model}: no ONNX model: {error}") from None

            def progress(done: int) -> None:
                bar.update(task, completed=done)

            judged = list(judge(clips, listener, judging, progress))
            elsewhere = [clips_over(channel, clips) for channel in (CHANNELS if channels else ())]
            for room, response in (read_rooms(rooms) if rooms else {}).items():
                elsewhere.append(clips_in_room(clips, room, response))
            heard_there = {
                there[0].condition: list(judge(there, listener, judging, progress)) for there in elsewhere if there
            }
            asked = opinions(clips, listener, margin, fused, progress) if second else None
    except FolderError as error:
        raise click.ClickException(str(error)) from None
    for name, why in broken.items():
        console.print(f"{name}: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
    if not clips:
        raise click.ClickException(f"{folder}: none of {len(found)} recordings can be read")
    if not judged:
        raise StreamprocError(
            ErrorCode.REFERENCE_EMPTY,
            f"{folder}: no word can be judged: of its {len(clips)} clips each has no word that can be said, or is "
            "silent, or is a reading of another text",
        )
    words = columns.columns(judged, clips)
    ages = figures.by_age(words, judged, clips)
    conditions = figures.by_condition(words, judged, clips)
    for condition, heard in heard_there.items():
        conditions[condition] = figures.report(columns.columns(heard, clips), len(clips))
    reports = {"all": figures.report(words, len(clips)), **ages, **conditions}
    experts = figures.human(judged)
    beside: dict[str, object] = {}
    if asked is not None:
        alone = figures.report(columns.columns(asked.alone, clips), len(clips))
        both = figures.report(columns.columns(asked.both, clips), len(clips)) if asked.both else None
        reports[f"{asked.name} alone"] = alone
        if both is None:
            console.print(f"No word classifier goes with this model and {asked.name}: see --second-classifier.")
        else:
            reports["both as one"] = both
        beside = {"name": asked.name, "alone": alone, "both": both, "disputes": disputes(judged, asked.alone)}
    if html is not None:
        html.write_text(
            page.page(f"Model {named[:12]} on {folder.name}", reports, experts, words, judged, clips), "utf-8"
        )
    if not as_json:
        Console().print(_table(reports))
        if broken:
            console.print(
                f"{len(found) - len(clips)} of {len(found)} recordings could not be read; they are in no figure."
            )
    written = {
        **reports["all"], "by_age": ages, "by_condition": conditions, "human": experts,
        "unreadable": broken,
        **({"second": beside} if beside else {}),
        "model_sha256": named, "recordings_sha256": recordings_sha256(clips),
        "margin": margin, "operating_point": operating_point if strictness else None,
    }  # fmt: skip
    if output is not None:
        output.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    if as_json:
        print(json.dumps(written))
    if broken:
        sys.exit(1)


def _strictness(file: Path, point: OperatingPoint) -> Strictness:
    try:
        classifier = from_json(json.loads(file.read_text("utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"--classifier {file}: no word classifier: {error}") from None
    return Strictness(classifier, classifier.points[point])


def _table(reports: Mapping[str, PeopleReport]) -> Table:
    shown = Table(title="In percent, with what 95 % of samples of as many speakers give")
    names = {
        "clips": "clips", "unscorable": "not judged", "words": "words", "false_alarms": "false alarms",
        "detection": "found", "auc": "AUC", "word_pcc": "correlation", "phone_error_rate": "phoneme errors",
    }  # fmt: skip
    shown.add_column("")
    for name in names.values():
        shown.add_column(name, justify="right")
    for group, report in reports.items():
        shown.add_row(group, *(_cell(report.get(name), report.get(f"{name}_interval")) for name in names))
    return shown


def _cell(value: float | list[float] | None, interval: float | list[float] | None) -> str:
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        return ""
    shown = f"{100 * value:.1f}"
    return f"{shown}\n{100 * interval[0]:.0f}-{100 * interval[1]:.0f}" if isinstance(interval, list) else shown
