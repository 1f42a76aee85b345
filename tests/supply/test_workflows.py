"""The workflows are valid, do what .ci/run does, and can do no more than they need."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from .locks import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = ROOT / ".tools" / "bin" / "actionlint"


def read(name: str) -> dict[str, Any]:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def make_targets(workflow: dict[str, Any]) -> set[str]:
    """The targets that a workflow makes, those of matrices too."""
    found: set[str] = set()
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            for target in re.findall(r"^make (.+)$", step.get("run", ""), re.MULTILINE):
                named = job["strategy"]["matrix"]["target"] if "matrix.target" in target else target.split()
                found |= {name for name in named if "=" not in name}
    return found


def test_actionlint_finds_nothing() -> None:
    done = subprocess.run([ACTIONLINT, "-no-color", *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_all_that_ci_run_makes_is_made_for_each_change() -> None:
    wanted = set(re.findall(r"^make (\S+)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE))
    assert wanted
    assert wanted <= make_targets(read("ci.yml"))


def test_every_proof_is_made_by_a_workflow() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    proofs = set(re.findall(r"^((?:test|chaos|fuzz|drill)[a-z-]*):.*##", makefile, re.MULTILINE))
    parts_and_sums = {"test-unit", "test-integration", "test-ship"}
    made = set().union(*(make_targets(read(file.name)) for file in WORKFLOWS))
    assert proofs - parts_and_sums - made == set()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_make_targets_that_there_are(file: Path) -> None:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert make_targets(read(file.name)) <= targets


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_ends_and_may_only_read_unless_it_says_more(file: Path) -> None:
    workflow = read(file.name)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())


def test_what_is_published_has_no_long_lived_key_and_is_built_once() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "secrets." not in text
    workflow = read("release.yml")
    assert workflow["concurrency"] == {"group": "release", "cancel-in-progress": False}
    assert text.count("make test-image image") == 1
    assert workflow["jobs"]["to_dev"]["env"]["DIGEST"] == "${{ needs.image.outputs.digest }}"


def test_modules_are_applied_with_a_provider_that_they_take() -> None:
    steps = read("ci.yml")["jobs"]["ship"]["steps"]
    (checkout,) = [step["with"] for step in steps if "terraform-provider-kafka" in str(step.get("with"))]
    (built,) = [step["run"] for step in steps if "make kafka-provider" in step.get("run", "")]
    assert built.endswith(f"SOURCE={checkout['path']}")
    taken = re.search(r"~> (\d+)\.(\d+)", (ROOT / "terraform/modules/kafka/versions.tf").read_text("utf-8"))
    assert taken is not None
    major, minor = (int(part) for part in checkout["ref"].removeprefix("v").split(".")[:2])
    assert (major, minor) >= (int(taken[1]), int(taken[2]))
    assert major == int(taken[1])


def test_every_package_of_ours_that_a_wheel_needs_is_published_with_it() -> None:
    jobs = read("release.yml")["jobs"]
    ours = {file.parent.name.replace("_", "-") for file in ROOT.glob("*/pyproject.toml")}
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"].values()
    needed = {re.split(r"[^\w.-]", one)[0] for extra in extras for one in extra} & ours
    assert needed
    built = {
        step.get("with", {}).get("package-dir", "").replace("_", "-")
        for name in jobs["publish"]["needs"]
        for step in jobs[name]["steps"]
    }
    assert needed <= built


def test_no_event_s_text_is_run() -> None:
    for file in WORKFLOWS:
        for job in read(file.name)["jobs"].values():
            for step in job["steps"]:
                assert "github.event." not in step.get("run", ""), "anybody may have written it"


def test_benchmarks_are_compared_with_earlier_code_on_one_machine() -> None:
    steps = read("nightly.yml")["jobs"]["ratio"]["steps"]
    assert steps[0]["with"]["fetch-depth"] == 0, "the earlier code is in the history"
    assert steps[-1]["run"] == "make bench-ratio"


def test_what_must_be_looked_at_is_looked_at() -> None:
    ci = read("ci.yml")["jobs"]
    assert "coverage" in ci["check"]["strategy"]["matrix"]["target"]
    assert any("gitleaks" in step.get("uses", "") for step in ci["secrets"]["steps"])
    assert {"python", "actions"} == set(read("codeql.yml")["jobs"]["analyse"]["strategy"]["matrix"]["language"])
    assert {"audit", "sbom", "licences"} <= make_targets(read("ci.yml"))
    release = read("release.yml")["jobs"]
    assert any("attest-build-provenance" in step.get("uses", "") for step in release["publish"]["steps"])
    assert any("gh-action-pypi-publish" in step.get("uses", "") for step in release["publish"]["steps"])
    assert release["publish"]["permissions"]["id-token"] == "write", "trusted publishing"


def test_renovate_knows_what_is_pinned() -> None:
    rules = json.loads((ROOT / ".github" / "renovate.json").read_text("utf-8"))["packageRules"]
    assert any("espeakng-loader" in rule.get("matchPackageNames", []) and not rule["enabled"] for rule in rules)
