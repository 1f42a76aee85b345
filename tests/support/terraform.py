"""Terraform on a folder, with providers from mirrors on this machine where there are any."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "terraform"

_MIRRORS = "TERRAFORM_MIRRORS"
"""Folders that hold providers as Terraform's file system mirrors do, separated as in PATH."""


def mirrors() -> list[Path]:
    """Those that TERRAFORM_MIRRORS names, `make kafka-provider` fills and machines usually have."""
    named = [Path(one) for one in os.environ.get(_MIRRORS, "").split(os.pathsep) if one]
    usual = [ROOT / ".tools" / "plugins", Path.home() / ".terraform.d" / "plugins"]
    usual += [found.parents[2] for root in ("/opt", "/usr/local/share/terraform", "/usr/share/terraform")
              for found in sorted(Path(root).glob("*/*/hashicorp/aws"))]  # fmt: skip
    return [one for one in named + usual if one.is_dir() and any(one.iterdir())]


def mirrored(source: str) -> bool:
    """Whether a mirror has a provider, such as ``mongey/kafka``."""
    return any(list(one.glob(f"*/{source}")) for one in mirrors())


class Terraform:
    """Terraform in one folder; ``environment``: variables beside the process's own."""

    def __init__(self, folder: Path, scratch: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))},
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            # Mongey/kafka's first requests, made at once, find a broker that it is about to connect to.
            **{f"TF_CLI_ARGS_{command}": "-parallelism=1" for command in ("plan", "apply")},
            "TF_DATA_DIR": str(scratch / "data"),
            "CHECKPOINT_DISABLE": "1",
            **(environment or {}),
        }
        found = mirrors()
        if found:
            scratch.mkdir(parents=True, exist_ok=True)
            config = scratch / "terraform.rc"
            config.write_text(_installation(found))
            self._environment["TF_CLI_CONFIG_FILE"] = str(config)

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run it; its output is text without colours."""
        assert shutil.which("terraform"), "terraform (1.11 or newer) is not on the PATH"
        command = ["terraform", f"-chdir={self.folder}", *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def succeed(self, *arguments: str) -> str:
        """Run it; fails with what it says where it fails. Returns standard output."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"terraform {arguments[0]}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def init(self, *, backend: bool = False) -> None:
        """Get modules and providers; a remote state only where ``backend`` says so."""
        self.succeed("init", "-no-color", f"-backend={str(backend).lower()}")

    def refused(self, *variables: str, destroy: bool = False) -> str:
        """What Terraform says to a plan that it does not make."""
        done = self.run("plan", "-no-color", f"-destroy={str(destroy).lower()}", *_given(variables))
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.replace("│", " ").split())

    def changes(self, *variables: str) -> dict[str, list[str]]:
        """What a plan would do: address -> actions, without what stays as it is."""
        plan = self.plan(*variables)
        found = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
        return {address: actions for address, actions in found.items() if actions != ["no-op"]}

    def plan(self, *variables: str) -> dict[str, Any]:
        """A plan, as JSON."""
        file = Path(self._environment["TF_DATA_DIR"]) / "plan"
        self.succeed("plan", "-no-color", f"-out={file}", *_given(variables))
        shown: dict[str, Any] = json.loads(self.succeed("show", "-json", str(file)))
        return shown

    def apply(self, *variables: str) -> None:
        """Make it so."""
        self.succeed("apply", "-no-color", "-auto-approve", *_given(variables))

    def outputs(self) -> dict[str, Any]:
        """Output -> value."""
        found = json.loads(self.succeed("output", "-json"))
        return {name: row["value"] for name, row in found.items()}


def _installation(found: Iterable[Path]) -> str:
    """Terraform's configuration: what a mirror has comes from there, and nobody is asked for it."""
    held = sorted({"/".join(one.parts[-3:]) for mirror in found for one in mirror.glob("*/*/*") if one.is_dir()})
    rows = [f'  filesystem_mirror {{ path = "{one}" }}' for one in found]
    rows.append(f"  direct {{ exclude = {json.dumps(held)} }}")
    return "\n".join(["provider_installation {", *rows, "}", ""])


def _given(variables: Iterable[str]) -> list[str]:
    return [f"-var={one}" for one in variables]
