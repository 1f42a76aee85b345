"""Faust's functional tests: which of them end otherwise than expected.toml says."""

from __future__ import annotations

import os
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faust_suites.stress import wait_for
from streamproc.localstack.processes import spawn

EXPECTED = Path(__file__).with_name("expected.toml")
TIMEOUT_S = 300


@dataclass(frozen=True)
class Result:
    """``problems`` are in words; no problem: as expected."""

    passed: int
    skipped: int
    expected_failures: int
    problems: list[str]


def run(place: Path, python: Path, bootstrap: str, log: Path) -> Result:
    """Run the functional tests in ``place`` with ``rdkafka://`` for the default broker."""
    report = place / "functional.xml"
    pytest = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no"]
    command = [*pytest, "--junitxml", str(report), "--rootdir", str(place), "-c", str(place / "pytest.ini")]
    environment = os.environ | {"BROKER_URL": f"rdkafka://{bootstrap}", "PYTHONPATH": str(place)}
    process = spawn([*command, str(place / "tests/functional")], log, environment, tie=True)
    wait_for(lambda: not process.alive(), "the end of Faust's functional tests", TIMEOUT_S)
    return judge(dict(outcomes(report)))


def outcomes(report: Path) -> Iterator[tuple[str, str]]:
    """Each test's name and how it ended: passed, failed, skipped."""
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.functional.')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        yield name, "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def judge(found: dict[str, str]) -> Result:
    """Compare with expected.toml, in both directions."""
    plan = tomllib.loads(EXPECTED.read_text())
    reasons = {test: group["reason"] for group in plan["differs"] for test in group["tests"]}
    failed = {name for name, outcome in found.items() if outcome == "failed"}
    problems = [f"failed, and is not expected to: {name}" for name in sorted(failed - reasons.keys())]
    problems += [
        f"{found.get(name, 'not found')}, and is expected to fail ({reasons[name]}): {name}"
        for name in sorted(reasons.keys() - failed)
    ]
    if len(found) != plan["total"]:
        problems.append(f"{len(found)} tests were run, not {plan['total']}")
    count = list(found.values()).count
    return Result(count("passed"), count("skipped"), len(failed & reasons.keys()), problems)
