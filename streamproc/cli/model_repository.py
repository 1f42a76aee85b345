"""``streamproc models repository``: the models of a models.toml, as Triton loads them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamproc.cli.failing import Failed
from streamproc.inference.served import Catalogue
from streamproc.inference.triton_repository import MAX_BATCH, Backend, write_model
from streamproc.terminal import example, safe


@click.command(
    epilog=example("models repository mine.toml /srv/models", "models repository mine.toml repository --backend python")
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--backend", type=click.Choice(["onnxruntime", "python"]), default="onnxruntime", show_default=True,
    help="Triton's backend; python: for a Triton that has no other, onnxruntime in Python on a CPU.",
)  # fmt: skip
@click.option(
    "--max-batch", type=click.IntRange(min=1), default=MAX_BATCH, show_default=True, help="Most clips in a request."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def repository(file: Path, folder: Path, backend: Backend, max_batch: int, as_json: bool) -> None:
    """Write the models of a models.toml for Triton.

    FILE is the models.toml, FOLDER the model repository. Each has FOLDER/MODEL/config.pbtxt, with its tensors and its
    SHA-256, and FOLDER/MODEL/VERSION/model.onnx. What is there of the same version is written anew. Models that FILE
    names no ONNX file of are passed over.
    """
    written = {}
    for model in Catalogue.read(file):
        declared = model.declared
        if declared is None or declared.file is None:
            continue
        try:
            written[model.key] = str(write_model(model, file.parent / declared.file, folder, backend, max_batch))
        except OSError as error:
            raise Failed("models repository", f"{error.filename}: {error.strerror}") from None
        if not as_json:
            click.echo(safe(f"{model.key} {model.version}: {written[model.key]}"))
    if as_json:
        click.echo(json.dumps({"written": written}))
    elif not written:
        click.echo(safe(f"{file}: names no model with a file"), err=True)
    raise SystemExit(0 if written else 1)
