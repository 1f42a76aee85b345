"""``streamproc models check``: what is missing or wrong in a models.toml."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.models_file import FileProblem, ModelsFileError, key_lines, problem_at, read_models
from streamproc.inference.self_test import file_faults, fingerprint_of, unlike_built_in
from streamproc.terminal import example, safe

NEEDS_ONNXRUNTIME = "cannot be tried without onnxruntime: pip install 'streamproc[onnx]'"


@click.command(epilog=example("models check", "models check mine.toml --json"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="models.toml")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Say what is missing or wrong in a models.toml.

    FILE is the one in this folder where none is named. Each model's keys are checked; where it names an ONNX file, so
    is that: its SHA-256, its tensors, what it answers to noise, alone and padded, and what it hears in a recording
    whose words are known. Exit code 0: nothing is wrong; 1: something is.
    """
    try:
        models = read_models(file)
    except ModelsFileError as error:
        _tell(file, error.problems, {}, as_json)
        raise SystemExit(1) from None
    lines = key_lines(file.read_text("utf-8"))
    problems: list[FileProblem] = []
    shown: dict[str, dict[str, Any]] = {}
    for name, declared in models.items():
        faults = _faults(declared, file.parent)
        problems += [problem_at(lines, (name, *key), message) for key, message in faults]
        tried = declared.file is not None
        shown[name] = {
            "version": declared.version, "ok": not faults, "tried": tried,
            "engines": ["triton", "onnx"] if unlike_built_in(declared) else ["triton", "onnx", "torch"],
        }  # fmt: skip
        if declared.file is not None and not faults:
            shown[name]["fingerprint"] = list(fingerprint_of(declared, file.parent / declared.file))
            shown[name]["pinned"] = declared.fingerprint is not None
    _tell(file, problems, shown, as_json)
    raise SystemExit(1 if problems else 0)


def _faults(declared: ModelDeclaration, folder: Path) -> list[tuple[tuple[str, ...], str]]:
    if declared.file is None:
        return []
    try:
        return file_faults(declared, folder / declared.file)
    except ImportError:
        return [(("file",), NEEDS_ONNXRUNTIME)]


def _tell(file: Path, problems: list[FileProblem], models: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": str(file), "problems": [asdict(one) for one in problems], "models": models}))
        return
    for name, found in models.items():
        if found["ok"]:
            state = "agrees with its file" if found["tried"] else "is well written; it names no file to try"
            click.echo(safe(f"{name} {found['version']}: {state}"))
            click.echo(safe(f"{name} {found['version']}: engines that can serve it: {', '.join(found['engines'])}"))
            if not found.get("pinned", True):
                told = f"no server is compared with it by its fingerprint until {file} has fingerprint ="
                click.echo(safe(f"{name} {found['version']}: {told} {found['fingerprint']}"))
    for problem in problems:
        click.echo(safe(f"{file}: {problem}"), err=True)
