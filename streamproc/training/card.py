"""The model card: what the model is, how it was made, what it reaches and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from streamproc.training.evaluate import Report, percent


def model_card(
    *,
    sha256: str,
    seed: int,
    steps: int,
    minutes: float,
    hours: float,
    parameters: int,
    voices: int,
    held_out: int,
    margin: float,
    versions: Mapping[str, str],
    report: Mapping[str, Report],
) -> str:
    """The card in Markdown. ``report`` is `evaluate.evaluate`'s."""
    rows = [
        f"| {split.replace('_', ' ')} | {row['clips']} | "
        + " | ".join(percent(row[key]) for key in ("phoneme_error_rate", "precision", "recall", "false_alarms"))
        + " |"
        for split, row in report.items()
    ]
    return files("streamproc.training").joinpath("model_card.md").read_text("utf-8").format(
        sha256=sha256, seed=seed, steps=steps, minutes=minutes, hours=hours, parameters=parameters, voices=voices,
        held_out=held_out, margin=margin, rows="\n".join(rows),
        versions=", ".join(f"{name} {number}" for name, number in versions.items()),
    )  # fmt: skip
