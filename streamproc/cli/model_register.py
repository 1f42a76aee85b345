"""``streamproc models register``: a model, and the report on it, in MLflow's registry."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamproc.cli.failing import Failed
from streamproc.inference.served import Catalogue
from streamproc.terminal import example, safe
from streamproc.training.gate import read_report
from streamproc.training.mlflow_registry import MlflowError, MlflowRegistry

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    short_help="Put a model and its report into MLflow's registry.",
    epilog=example(
        "models register new.json --models-file mine.toml --name wav2vec2-ipa --store sqlite:///mlflow.db",
        "models promote march/1 --reports sqlite:///mlflow.db --reason 'better by a point'",
    ),
)
@click.argument("report", type=_FILE)
@click.option("--models-file", type=_FILE, required=True, help="The models.toml that names the model.")
@click.option("--name", required=True, help="The model: its table there.")
@click.option(
    "--store", envvar="MLFLOW_TRACKING_URI", show_envvar=True, required=True, metavar="URI",
    help="MLflow's: sqlite:///FILE, or http://HOST of its server.",
)  # fmt: skip
@click.option("--card", type=_FILE, help="The model's card, Markdown: its description in the registry.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def register(report: Path, models_file: Path, name: str, store: str, card: Path | None, as_json: bool) -> None:
    """Put a model and a report on it into MLflow's registry (extra mlflow).

    REPORT is what 'streamproc models evaluate --output REPORT' wrote. A version in the registry is one file, by its
    SHA-256: a model that is there already has one report more, and 'streamproc models promote --reports STORE' goes by
    the newest.
    """
    model = Catalogue.read(models_file).pick(name, "", "--name")
    declared = model.declared
    assert declared is not None
    try:
        found = read_report(report)
        if found.get("model_sha256") != declared.sha256:
            other = f"{report} is on the model {found.get('model_sha256')}, and {models_file} has {declared.sha256}"
            raise Failed("models register", f"{other}: evaluate the one that you register")
        source = (
            (models_file.parent / declared.file).resolve().as_uri() if declared.file else f"sha256:{declared.sha256}"
        )
        text = card.read_text("utf-8") if card is not None else ""
        number = MlflowRegistry(store).register(model.name, declared.sha256, model.version, source, text, found)
    except (OSError, MlflowError, ValueError) as error:
        raise Failed("models register", error) from None
    if as_json:
        told = {"name": model.name, "version": model.version, "sha256": declared.sha256, "registered": number}
        click.echo(json.dumps({**told, "store": store}))
        return
    click.echo(safe(f"{model.name} {model.version} ({declared.sha256[:12]}…): version {number} in {store}"))
