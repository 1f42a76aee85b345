"""Lock the project's dependencies with hashes: python requirements/lock.py (needs pip-tools).

Reads pyproject.toml, leaves out aligner-mypyc (it is installed from this tree), and writes one file a purpose. The
files hold no index address, so that they work with any mirror.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PURPOSES = {
    "worker": [],
    "dev": ["speech", "onnx", "local", "parquet", "dev"],
    "training": ["speech", "onnx", "training"],
}
"""Lock file -> the extras that it holds on top of the worker's own dependencies."""

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


def lock(purpose: str, extras: list[str]) -> None:
    project = _project(ROOT)
    wanted = [line for line in project["dependencies"] if line != "aligner-mypyc"]
    wanted += _project(ROOT / "aligner_mypyc")["dependencies"]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{purpose}.in")
        source.write_text("\n".join(wanted) + "\n")
        target = ROOT / "requirements" / f"{purpose}.txt"
        subprocess.run([sys.executable, "-m", "piptools", "compile", *OPTIONS, "-o", target, source], check=True)


if __name__ == "__main__":
    for purpose in sys.argv[1:] or PURPOSES:
        lock(purpose, PURPOSES[purpose])
