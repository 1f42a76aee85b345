"""Lock the project's dependencies with hashes: python requirements/lock.py (needs pip-tools).

Writes one file a purpose, from an extra of pyproject.toml (without aligner-mypyc, which is installed from this tree) or
from the .in file of its name. The files hold no index address, so that they work with any mirror.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
EXTRAS = {"worker": ("worker",), "dev": ("dev",), "training": ("training",), "mlflow": ("dev", "mlflow")}
"""Locks of pyproject.toml's extras; first, as .in files build upon them. MLflow takes no cachetools as new as ours: it
cannot be added to what is locked for the tests."""

_EXTRAS = re.compile(r"streamproc\[(.+)\]")

OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--allow-unsafe",
    "--strip-extras",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
)


def _project(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


def _wanted(extra: str, extras: dict[str, list[str]]) -> list[str]:
    """An extra's requirements, with those of the extras that it names."""
    lines = []
    for line in extras[extra]:
        if named := _EXTRAS.fullmatch(line):
            for other in named[1].split(","):
                lines += _wanted(other, extras)
        else:
            lines.append(line)
    return lines


def lock(purpose: str) -> None:
    """Write ``requirements/<purpose>.txt``."""
    if purpose not in EXTRAS:
        _compile(FOLDER / f"{purpose}.in", purpose)
        return
    project = _project(ROOT)
    extras = project["optional-dependencies"]
    wanted = {*project["dependencies"], *(line for extra in EXTRAS[purpose] for line in _wanted(extra, extras))}
    wanted -= {"aligner-mypyc"}
    wanted.update(_project(ROOT / "aligner_mypyc")["dependencies"])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{purpose}.in")
        source.write_text("\n".join(sorted(wanted)) + "\n")
        _compile(source, purpose)


def _compile(source: Path, purpose: str) -> None:
    target = FOLDER / f"{purpose}.txt"
    subprocess.run([sys.executable, "-m", "piptools", "compile", *OPTIONS, "-o", target, source], check=True)


if __name__ == "__main__":
    for purpose in sys.argv[1:] or (*EXTRAS, *sorted(file.stem for file in FOLDER.glob("*.in"))):
        lock(purpose)
