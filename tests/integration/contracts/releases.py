"""Two releases side by side: this tree, and the one that knew version 1 of the contracts alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from streamproc.contracts.upkeep import checks

ROOT = Path(__file__).parents[3]
CLIENT = Path(__file__).with_name("client_of_release.py")


@dataclass(frozen=True, slots=True)
class Release:
    """A source tree."""

    tree: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes a Python process import streamproc from this tree and from nowhere else."""
        return {"PYTHONPATH": str(self.tree), "PYTHONSAFEPATH": "1"}

    def run(self, *arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a Python command of this release to its end."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
        return subprocess.run(
            [sys.executable, *arguments],
            env={**inherited, **settings, **self.environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def streamproc(self, *arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run ``streamproc``."""
        return self.run("-m", "streamproc", *arguments, settings=settings)

    def client(self, *arguments: str, settings: dict[str, str]) -> list[str]:
        """Run the client script; the lines that it prints."""
        done = self.run(str(CLIENT), *arguments, settings=settings)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


def this_release() -> Release:
    """The tree that is tested."""
    return Release(ROOT)


def release_of_version_1(folder: Path) -> Release:
    """This tree with all that came after version 1 taken out: the fields, the files and their uses."""
    for part in ("streamproc", "schemas"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    schemas = folder / "schemas"
    for contract in ("reading.activity", "reading.result", "reading.result.v2"):
        for later in (schemas / contract).glob("[!1].avsc"):
            later.unlink()
    (schemas / checks.CHECKSUMS).unlink()
    checks.seal(schemas)
    for path in (folder / "streamproc").rglob("*.py"):
        source = path.read_text("utf-8")
        if path.parent.name != "contracts" or path.name == "rules.py":
            source = re.sub(r"\bactivity\.tenant_id\b", "activity.tenant", source).replace('"tenant_id"', '"tenant"')
            source = source.replace("activity.attempt < 1", "False").replace("{activity.attempt}", "1")
        if path.name in ("activity.py", "casts.py"):
            source = re.sub(r"^ +(assignment_id|attempt)=.*\n", "", source, flags=re.MULTILINE)
        source = re.sub(r"""^ +("?JudgedBy"?,|"?judged_by"?[=:].*)\n""", "", source, flags=re.MULTILINE)
        path.write_text(source, "utf-8")
    release = Release(folder)
    done = release.run("-m", "streamproc.contracts.upkeep.generate", settings={})
    assert done.returncode == 0, done.stderr
    return release
