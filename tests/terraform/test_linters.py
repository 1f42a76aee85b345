"""What tools of others find: tflint in every folder, checkov in the plans' shape of production."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.terraform import FOLDER, ROOT, Terraform

from .plans import example

TFLINT = ROOT / ".tools" / "bin" / "tflint"
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
EXPLAINED = FOLDER / ".checkov.yaml"

FOLDERS = sorted({file.parent for file in FOLDER.glob("*/**/*.tf")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_tflint_finds_nothing(folder: Path) -> None:
    done = subprocess.run([TFLINT, f"--chdir={folder}", "--no-color"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def plan(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of production, as JSON."""
    terraform: Terraform = example(tree / "environments" / "prod", tmp_path_factory.mktemp("prod"))
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    file.write_text(json.dumps(terraform.plan()))
    return file


def checkov(plan: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [CHECKOV, "-f", plan, "--skip-download", "--framework", "terraform_plan", "--compact", "--quiet"]
    return subprocess.run([*map(str, command), *arguments], capture_output=True, text=True, timeout=300, check=False)


def test_checkov_finds_nothing_that_is_not_explained(plan: Path) -> None:
    done = checkov(plan, "--config-file", str(EXPLAINED))
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_check_that_is_left_out_would_find_something_and_has_its_reason(plan: Path) -> None:
    text = EXPLAINED.read_text()
    explained = re.findall(r"^  # .+\n  - (\S+)$", text, re.MULTILINE)
    assert explained == re.findall(r"^  - (\S+)$", text, re.MULTILINE)
    found = set(re.findall(r"^Check: (\w+):", checkov(plan).stdout, re.MULTILINE))
    assert found == set(explained)
