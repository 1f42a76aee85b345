"""``streamproc models gate``: whether a model may take another's place, by their reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streamproc.terminal import example, safe
from streamproc.training.gate import WORSE_BY, Gate, Report, read_report
from streamproc.training.gate import gate as compare


def _bounds(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> Mapping[str, float]:
    bounds = dict(WORSE_BY)
    for one in given:
        name, _, value = one.partition("=")
        try:
            size = abs(float(value))
        except ValueError:
            raise click.BadParameter(f"{one!r} is not FIGURE=NUMBER") from None
        if name not in bounds:
            raise click.BadParameter(f"{name!r} is no figure; there are {', '.join(WORSE_BY)}")
        bounds[name] = size if WORSE_BY[name] >= 0 else -size
    return bounds


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog=example(
        "models gate new.json --against champion.json", "models gate new.json --against champion.json --bound auc=0.03"
    )
)
@click.argument("candidate", type=_FILE)
@click.option("--against", "champion", type=_FILE, required=True, help="The report of the model that scores now.")
@click.option(
    "--bound", "bounds", multiple=True, callback=_bounds, metavar="FIGURE=NUMBER",
    help="By so much this figure may be worse, in place of what is usual.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gate(candidate: Path, champion: Path, bounds: Mapping[str, float], as_json: bool) -> None:
    """Say whether a model may take another's place.

    CANDIDATE is its report, --against that of the model that scores now. Both are what 'streamproc models evaluate
    FOLDER --output FILE' wrote, of the same recordings. Exit code 0: it may; 1: a figure is worse by more than its
    bound, or a report says too little.
    """
    verdict = compare(_read(champion, "--against"), _read(candidate, "CANDIDATE"), bounds)
    if as_json:
        click.echo(json.dumps(verdict.to_json()))
    else:
        Console().print(_table(verdict))
        for refusal in verdict.refusals:
            click.echo(safe(f"refused: {refusal}"), err=True)
        if verdict.ok:
            click.echo("it may take the champion's place")
    raise SystemExit(0 if verdict.ok else 1)


def _read(file: Path, hint: str) -> Report:
    try:
        return read_report(file)
    except ValueError as error:
        raise click.BadParameter(
            f"{file} is no report of 'streamproc models evaluate': {error}", param_hint=hint
        ) from None


def _table(verdict: Gate) -> Table:
    shown = Table(title=f"{verdict.candidate_sha256[:12]} beside {str(verdict.champion_sha256)[:12]}")
    for name in ("", "champion", "candidate", "may be worse by", ""):
        shown.add_column(name, justify="left" if not name else "right")
    for name, figure in verdict.figures.items():
        numbers = ("" if value is None else f"{value:.4f}" for value in (figure.champion, figure.candidate))
        shown.add_row(name, *numbers, f"{abs(figure.worse_by):g}", "" if figure.ok else "worse")
    return shown
