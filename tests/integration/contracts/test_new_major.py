"""A release with one row and one schema file more registers, creates and plans its third major version of results."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from support import pretend_major
from support.topics_of_test import TestTopics
from support.worker_process import START_SECONDS, environment, streamproc

from streamproc.contracts.registry import Registry
from streamproc.localstack.stack import Addresses


@pytest.fixture
def settings(stack: Addresses, tmp_path: Path) -> dict[str, str]:
    """An operator's environment under that release."""
    pretend_major.prepare(tmp_path / "schemas")
    names = TestTopics(stack.kafka_bootstrap)
    return {
        **names.settings,
        pretend_major.FOLDER: str(tmp_path / "schemas"),
        "PYTHONPATH": str(Path(__file__).parents[2]) + os.pathsep + os.environ.get("PYTHONPATH", ""),
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_KAFKA__RESULT_V2_TOPIC": f"{names.name}.result.v2",
        "STREAMPROC_KAFKA__RESULT_V3_TOPIC": f"{names.name}.result.v3",
        "STREAMPROC_KAFKA__RESULT_MAJORS": "[1, 3]",
    }


def run(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        streamproc(*arguments, program=(pretend_major.__file__,)),
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_new_major_is_registered_created_and_planned(settings: dict[str, str], registry: Registry) -> None:
    topic = settings["STREAMPROC_KAFKA__RESULT_V3_TOPIC"]
    assert f"{topic}-value version 1: schema id" in run(settings, "schemas", "register")
    assert list(await registry.versions(f"{topic}-value")) == [1]
    assert f"{topic}: created" in run(settings, "topics", "create")
    admin = AdminClient({"bootstrap.servers": settings["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"]})
    assert topic in admin.list_topics(timeout=10).topics
    plan = run(settings, "schemas", "plan")
    assert "[done] Register the results" in plan
    assert "reading.result.v3" in plan
