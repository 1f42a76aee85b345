"""``python -m streamproc.training.speakers``: what a network would gain by more speakers, seen by what fewer cost it.

Trainings of one beginning and equally many steps, that heard all speakers or every n-th of them, or of all of them
every n-th reading (`streamproc.training.fit --speakers`, ``--readings``), are judged on people whom none of them heard:
the speakers set apart of the train part, and native adults. And on some whom all of them heard: what a network hears
better of these than of others it has learnt by heart.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file

from streamproc.scoring.judging import Judging
from streamproc.training.causal import LiveNetwork
from streamproc.training.evaluate import MARGIN, Recogniser
from streamproc.training.export import export
from streamproc.training.mixture import Fewer, calibration_speakers, heard_readings
from streamproc.training.pack import Pack
from streamproc.training.people.clips import PersonClip, read_folder
from streamproc.training.people.columns import columns
from streamproc.training.people.figures import report
from streamproc.training.people.verdicts import judge

_EVERY = 4
"""Every fourth speaker of training: these all trainings heard."""

_KEPT = ("phone_error_rate", "false_alarms", "detection", "auc")

Row = dict[str, "float | int | list[float] | None"]


def row_of(run: Path, heard: Row, groups: Mapping[str, Sequence[PersonClip]]) -> Row:
    """The figures of one training on ``groups``, by the margin alone: the network itself, without a word classifier."""
    network = LiveNetwork()
    network.load_state_dict(load_file(run / "model.safetensors"))
    steps = json.loads((run / "log.jsonl").read_text("utf-8").splitlines()[-1])["step"]
    row: Row = {**heard, "steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        export(network.eval(), Path(folder))
        model = Recogniser(Path(folder) / "1/model.onnx")
    for group, clips in groups.items():
        words = list(judge(clips, model, Judging(MARGIN), lambda done: None))
        found = report(columns(words, clips), len(clips))
        for name in _KEPT:
            row[f"{group}_{name}"] = found[name]
            row[f"{group}_{name}_interval"] = found.get(f"{name}_interval")
    return row


def _groups(data: Path, natives: Path) -> dict[str, list[PersonClip]]:
    pack = Pack(data / "real/train")
    clips = read_folder(data / "real/train")
    apart = calibration_speakers(pack.rows)
    common = heard_readings(pack.rows, Fewer(_EVERY, _EVERY))
    return {
        "unheard": [clip for clip in clips if clip.speaker in apart],
        "heard": [clips[place] for place in common],
        "natives": read_folder(natives),
    }


def _heard(data: Path, fewer: Fewer) -> Row:
    rows = Pack(data / "real/train").rows
    chosen = [rows[place] for place in heard_readings(rows, fewer)]
    seconds = sum(row["samples"] for row in chosen) / 16_000
    return {
        "speakers": len({row["speaker"] for row in chosen}), "readings": len(chosen), "minutes": round(seconds / 60, 1)
    }  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("data", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("natives", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option(
    "--run", "runs", type=(int, int, click.Path(file_okay=False, exists=True, path_type=Path)), multiple=True,
    required=True, metavar="SPEAKERS READINGS RUN", help="What `fit` was called with, and its folder; several times.",
)  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def main(data: Path, natives: Path, runs: Sequence[tuple[int, int, Path]], output: Path | None) -> None:
    """Judge trainings that heard fewer speakers or readings on people whom none of them heard.

    DATA is what streamproc.training.data made, NATIVES what streamproc.training.natives fetched.
    """
    groups = _groups(data, natives)
    rows = []
    with Console(stderr=True).status("judging"):
        for speakers, readings, run in runs:
            rows.append(row_of(run, _heard(data, Fewer(speakers, readings)), groups))
    shown = Table()
    names = [name for name in rows[0] if not name.endswith("_interval")]
    shown.add_column("")
    for row in rows:
        shown.add_column(f"{row['speakers']} speakers, {row['readings']} readings", justify="right")
    for name in names:
        shown.add_row(name, *(f"{row[name]:.4g}" if row[name] is not None else "" for row in rows))
    Console().print(shown)
    if output is not None:
        output.write_text(json.dumps({"runs": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
