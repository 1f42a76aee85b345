"""The story of docs/how-to/roll-out-a-schema.md, on a real Kafka, registry and Triton, with real workers."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

from streamproc import settings as settings_module
from streamproc.contracts import files, live
from streamproc.contracts.majors import V2
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep import checks
from streamproc.errors import StreamprocError
from streamproc.localstack.stack import Addresses

from .releases import Release, release_of_version_1, this_release

REGISTRY_URL = "STREAMPROC_REGISTRY__URL"

EACH = 6
"""Activities of one publisher in one chapter."""


@pytest.fixture
def names(stack: Addresses) -> TestTopics:
    return TestTopics(stack.kafka_bootstrap)


@pytest.fixture
def settings(stack: Addresses, names: TestTopics) -> dict[str, str]:
    """The settings of every worker, client and command."""
    own = {
        **names.settings,
        REGISTRY_URL: stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_LOG__FORMAT": "json",
    }
    done = this_release().streamproc("topics", "create", settings=own)
    assert done.returncode == 0, done.stderr
    return own


class Workers:
    """Worker processes of any release; none outlives the test."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._started: list[WorkerProcess] = []

    def start(self, release: Release) -> WorkerProcess:
        """Start one and wait until it consumes."""
        log = self._folder / f"worker-{len(self._started)}.log"
        worker = WorkerProcess({**self._settings, **release.environment}, log)
        self._started.append(worker)
        worker.wait_ready()
        return worker

    def kill(self) -> None:
        """End all."""
        for worker in self._started:
            worker.kill()


@pytest.fixture
def workers(settings: dict[str, str], tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(settings, tmp_path)
    yield workers
    workers.kill()


def states(release: Release, settings: dict[str, str], *options: str) -> list[str]:
    """The states of the plan's steps."""
    done = release.streamproc("schemas", "plan", "--json", *options, settings=settings)
    return [step["state"] for step in json.loads(done.stdout.splitlines()[0])["steps"]]


@pytest.mark.timeout(300)
def test_new_versions_roll_out_without_a_dead_letter(
    settings: dict[str, str], workers: Workers, names: TestTopics, tmp_path: Path
) -> None:
    old, new = release_of_version_1(tmp_path / "old"), this_release()
    published: list[str] = []

    # Before: version 1 everywhere.
    assert old.streamproc("schemas", "register", settings=settings).returncode == 0
    old_worker = workers.start(old)
    published += old.client("publish", str(EACH), settings=settings)
    assert states(new, settings) == ["next", "later", "later", "later"]

    # Whoever goes too early is stopped, and told why.
    early_worker = new.streamproc("worker", settings={**settings, "STREAMPROC_WEB__PORT": "0"})
    assert early_worker.returncode == 2
    assert "version 3 of reading.result" in early_worker.stderr
    early_publisher = new.run(str(Path(__file__).with_name("client_of_release.py")), "publish", "1", settings=settings)
    assert early_publisher.returncode == 1
    assert "version 2 of reading.activity" in early_publisher.stderr

    # 1. Register the results.
    results = (files.RESULT, V2.contract, files.CONTROL)
    assert new.streamproc("schemas", "register", *results, settings=settings).returncode == 0
    assert states(new, settings)[0] == "done"

    # 2. Deploy the workers: both releases run, publishers and readers are still old.
    new_worker = workers.start(new)
    published += old.client("publish", str(EACH), settings=settings)
    assert old_worker.terminate() == 0
    published += old.client("publish", str(EACH), settings=settings)
    assert json.loads(new_worker.page("/contracts")) == {
        "reading.activity": 2,
        "reading.result": 3,
        "reading.result.v2": 2,
        "streamproc.control": 1,
        "reading.progress": 1,
        "reading.correction": 1,
    }
    address = f"http://127.0.0.1:{new_worker._port}"
    assert states(new, settings, "--worker", address) == ["done", "done", "next", "later"]

    # 3. Register the activity. 4. Upgrade the publishers: for a while both versions are in the topic.
    assert new.streamproc("schemas", "register", files.ACTIVITY, settings=settings).returncode == 0
    assert states(new, settings, "--worker", address) == ["done", "done", "done", "next"]
    published += new.client("publish", str(EACH), settings=settings)
    published += old.client("publish", str(EACH), settings=settings)

    # Everybody reads everything, old readers too, and nothing died.
    for release in (old, new):
        read = release.client("subscribe", str(len(published)), settings=settings)
        assert sorted(line.split()[0] for line in read) == sorted(published)
    assert [line.split()[1] for line in read].count("2") == EACH
    assert names.read(names.letters, 1, seconds=2) == []

    # An old worker that comes back now stops at its start, and says what to do.
    late = old.streamproc("worker", settings={**settings, "STREAMPROC_WEB__PORT": "0"})
    assert late.returncode == 2
    assert "upgrade it" in late.stderr
    assert "tenant" in late.stderr


@pytest.fixture
def version_3(tmp_path: Path) -> Path:
    """The schema files with a version 3 of the activity that breaks its readers: story_id becomes a number."""
    folder = shutil.copytree(files.schema_folder(), tmp_path / "schemas")
    schema = files.newest(files.ACTIVITY).schema
    for field in schema["fields"]:
        if field["name"] == "story_id":
            field["type"] = "long"
    (folder / files.ACTIVITY / "3.avsc").write_text(json.dumps(schema))
    checks.seal(folder)
    return folder


@pytest.mark.timeout(300)
def test_an_incompatible_version_3_is_stopped_everywhere(settings: dict[str, str], version_3: Path) -> None:
    release = this_release()
    assert release.streamproc("schemas", "register", settings=settings).returncode == 0

    # Offline, and so in CI, which runs the same command; nothing is registered that it refuses.
    for action in ("check", "register"):
        refused = release.streamproc("schemas", action, "--folder", str(version_3), settings=settings)
        assert refused.returncode == 1
        assert "reading.activity/3.avsc" in refused.stderr
        assert "story_id: reader has long, writer has string" in refused.stderr

    # By the registry, for somebody who asks it directly.
    text = json.dumps(json.loads((version_3 / files.ACTIVITY / "3.avsc").read_text()))
    subject = files.subject(settings["STREAMPROC_KAFKA__ACTIVITY_TOPIC"])
    refusal = asyncio.run(register_by_hand(settings, subject, text))
    assert "HTTP status code 409" in refusal
    assert "story_id: reader has long, writer has string" in refusal

    # And by a worker, should a registry hold it all the same.
    elsewhere = {**settings, "STREAMPROC_KAFKA__ACTIVITY_TOPIC": settings["STREAMPROC_KAFKA__ACTIVITY_TOPIC"] + ".3"}
    assert release.streamproc("topics", "create", settings=elsewhere).returncode == 0
    asyncio.run(register_first(elsewhere, files.subject(elsewhere["STREAMPROC_KAFKA__ACTIVITY_TOPIC"]), text))
    worker = release.streamproc("worker", settings={**elsewhere, "STREAMPROC_WEB__PORT": "0"})
    assert worker.returncode == 2
    assert "story_id: reader has string, writer has long" in worker.stderr
    against = release.streamproc("schemas", "check", "--registry", elsewhere[REGISTRY_URL], settings=elsewhere)
    assert against.returncode == 1
    assert "registered version 1: unknown" in against.stderr


async def register_by_hand(settings: dict[str, str], subject: str, text: str) -> str:
    registry = open_registry(settings)
    try:
        with pytest.raises(StreamprocError) as caught:
            await live.register(registry, subject, text, "BACKWARD_TRANSITIVE")
        return str(caught.value)
    finally:
        await registry.close()


async def register_first(settings: dict[str, str], subject: str, text: str) -> None:
    registry = open_registry(settings)
    await registry.register(subject, text)
    await registry.close()


def open_registry(settings: dict[str, str]) -> Registry:
    return Registry(settings_module.RegistrySettings(url=settings[REGISTRY_URL]))
