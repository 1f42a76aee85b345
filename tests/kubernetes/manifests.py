"""Overlays, rendered; and what kubeconform and conftest say of manifests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "terraform" / "kubernetes"
OVERLAYS = ("dev", "staging", "prod", "preview")
TOOLS = ROOT / ".tools" / "bin"
SCHEMAS = ROOT / ".tools" / "schemas"

Manifest = dict[str, Any]


def rendered(overlay: str | Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of an overlay, or of another folder, given with its whole path."""
    done = _run("kubectl", "kustomize", str(FOLDER / "overlays" / overlay))
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The manifest of this kind and name."""
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"].startswith(name)]
    return found


def invalid(file: Path) -> str:
    """What kubeconform finds in a file; empty: nothing, and it knew every kind."""
    template = f"{SCHEMAS}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    done = _run(str(TOOLS / "kubeconform"), "-strict", "-schema-location", template, str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def refused(file: Path) -> str:
    """What the policies say against a file; empty: nothing."""
    command = [str(TOOLS / "conftest"), "test", "--no-color", "--policy", str(FOLDER / "policy"), str(file)]
    done = _run(*command)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
