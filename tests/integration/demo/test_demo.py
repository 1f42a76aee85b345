"""`streamproc demo` against the real stack, as a user runs it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import worker_process

from streamproc.demo.judging import DemoFigures
from streamproc.demo.worker import NAME
from streamproc.localstack import state
from streamproc.localstack.stack import Addresses, LocalStack

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial.md"

COUNTS = ("activities", "results", "dead_letters", "missing", "duplicated", "published_twice", "refused_twice")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def environment(stack: Addresses) -> dict[str, str]:
    """Variables that name the real stack, and topics and a group of this test's own."""
    name = uuid.uuid4().hex[:8]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
    return {
        **kept,
        "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka_bootstrap,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_KAFKA__GROUP_ID": f"demo-{name}",
        "STREAMPROC_KAFKA__ACTIVITY_TOPIC": f"demo-{name}-activities",
        "STREAMPROC_KAFKA__RESULT_TOPIC": f"demo-{name}-results",
        "STREAMPROC_KAFKA__DEAD_LETTER_TOPIC": f"demo-{name}-dead-letters",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A stack's folder, taken down after the test."""
    folder = tmp_path / "stack"
    yield folder
    LocalStack(folder).down()


def streamproc(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; it dies with this process."""
    return subprocess.run(
        worker_process.streamproc(*arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def demo(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return streamproc(environment, "demo", "--folder", str(folder), *arguments)


def tutorial_program(environment: dict[str, str]) -> str:
    """The program that the tutorial's reader saves, with this test's topics instead of the usual ones."""
    program: str
    [program] = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    for end_of_call, topic in (
        ('source="/tutorial")', environment["STREAMPROC_KAFKA__ACTIVITY_TOPIC"]),
        ('{uuid.uuid4()}")', environment["STREAMPROC_KAFKA__RESULT_TOPIC"]),
    ):
        assert program.count(end_of_call) == 1
        program = program.replace(end_of_call, f'{end_of_call[:-1]}, topic="{topic}")')
    return program


def figures_of(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_every_reading_has_its_outcome_and_the_mistakes_are_found(environment: dict[str, str], folder: Path) -> None:
    run = demo(environment, folder, "--json")
    assert run.returncode == 0, run.stderr
    figures = figures_of(run)
    assert list(figures) == [field.name for field in dataclasses.fields(DemoFigures)]
    counts = {name: value for name, value in figures.items() if name in COUNTS}
    assert counts == {
        "activities": 30,
        "results": 29,
        "dead_letters": 1,
        "missing": 0,
        "duplicated": 0,
        "published_twice": 3,
        "refused_twice": 3,
    }
    assert "3 of them published twice: 3 refused" in run.stderr
    assert figures["seeded_errors_found"] >= 0.8 * figures["seeded_errors"]
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= 1000 * figures["seconds"]
    assert len(run.stdout.splitlines()) == 1, "what is not JSON goes to stderr"
    assert "PASSED" in run.stderr
    assert "\x1b" not in run.stderr
    assert not folder.exists(), "everything is taken down"


def test_a_run_that_finds_too_little_fails_and_leaves_the_workers_log(
    environment: dict[str, str], folder: Path
) -> None:
    run = demo({**environment, "STREAMPROC_SCORING__MARGIN": "1000000"}, folder, "--json")
    assert run.returncode == 1, run.stderr
    assert figures_of(run)["seeded_errors_found"] < 17
    assert "FAILED\n" in run.stderr
    assert "80% are needed" in run.stderr
    log = folder / NAME / "worker.log"
    assert f"the worker's log is left: {log}" in run.stderr
    assert log.stat().st_size > 0


def test_a_kept_worker_scores_the_tutorials_reading_is_replaced_by_the_next_run_and_ends_with_the_stack(
    environment: dict[str, str], folder: Path
) -> None:
    run = demo(environment, folder, "--keep")
    assert run.returncode == 0, run.stderr
    first = state.read(folder)[NAME]
    assert first.process.alive()
    for name in ("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", "STREAMPROC_REGISTRY__URL", "STREAMPROC_TRITON__URLS"):
        assert f"export {name}={environment[name]}\n" in run.stdout
    assert f"streamproc local down --folder {folder}" in run.stdout
    (page,) = re.findall(r"^Look on: (http://\S+/console/)#token=\S{20,}$", run.stdout, re.MULTILINE)
    assert run.stderr.index("look on: http://") < run.stderr.index("activities are published")
    with urllib.request.urlopen(f"{page}api/letters", timeout=10) as answer:
        codes = Counter(letter["code"] for letter in json.load(answer)["letters"])
    assert codes == {"AUDIO_UNREADABLE": 1, "DUPLICATE_ACTIVITY": 3}

    tutorial = subprocess.run(
        [sys.executable, "-c", tutorial_program(environment)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tutorial.returncode == 0, tutorial.stderr
    assert "COMPLETE" in tutorial.stdout
    assert [line.split()[0] for line in tutorial.stdout.splitlines() if "OMITTED" in line] == ["heavy"]

    again = demo(environment, folder)
    assert again.returncode == 0, again.stderr
    assert not first.process.alive()
    second = state.read(folder)[NAME]
    assert second.process.alive()

    assert streamproc(environment, "local", "down", "--folder", str(folder)).stdout == f"ended: {NAME}\n"
    assert not second.process.alive()
    assert not folder.exists()


def test_a_worker_that_does_not_start_is_reported_with_its_reason(environment: dict[str, str], folder: Path) -> None:
    run = demo({**environment, "STREAMPROC_TRITON__MODEL": "no-such-model"}, folder)
    assert run.returncode == 1
    assert "the worker ended while it was starting" in run.stderr
    assert "STREAMPROC_TRITON__MODEL" in run.stderr
    assert "Traceback" not in run.stderr


def test_wrong_settings_are_told_before_anything_starts(environment: dict[str, str], folder: Path) -> None:
    run = demo({**environment, "STREAMPROC_SCORING__MARGIN": "much"}, folder)
    assert run.returncode == 2
    assert "STREAMPROC_SCORING__MARGIN" in run.stderr
    assert not folder.exists()
