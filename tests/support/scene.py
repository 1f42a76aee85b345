"""A worker on a core of its own, before a real Kafka and registry; everything else on the other cores."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from streamproc.client import ActivityPublisher, Connection
from streamproc.contracts.generated.events import Activity
from streamproc.localstack.stack import LocalStack
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

WORKER_CORE = 0
RESULTS = "streamproc_results_total"
LETTERS = "streamproc_dead_letters_total"
READY_SECONDS = 120.0
WARM_UP_S = 10.0
"""Seconds of work before a busy worker's results are counted: the limit on what is in flight finds its place."""


@dataclass(slots=True)
class Scene:
    """A stack that is up, with topics of its own."""

    folder: Path
    clips: Path
    topics: TestTopics
    registry_url: str
    schema_id: int = 0
    """Of the activities."""

    def renew(self) -> None:
        """Go on with other topics, which are empty: what is left in these is nobody's any more."""
        self.topics = TestTopics(self.topics.bootstrap)
        self.schema_id = prepare(self.settings("127.0.0.1:9"), self.topics)

    def settings(self, triton: str) -> dict[str, str]:
        """A worker's environment: the defaults, but for where things are."""
        return {
            **self.topics.settings,
            "STREAMPROC_REGISTRY__URL": self.registry_url,
            "STREAMPROC_TRITON__URLS": triton,
            "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps([self.clips.as_uri() + "/"]),
            "STREAMPROC_LOG__FORMAT": "json",
        }

    def publish(self, activities: Iterable[Activity]) -> int:
        """Write them all; how many."""
        connection = Connection(bootstrap_servers=self.topics.bootstrap, registry_url=self.registry_url)
        with ActivityPublisher(connection, source="/bench", topic=self.topics.activities) as publisher:
            sent = [publisher.send(activity) for activity in activities]
        for future in sent:
            future.result(60)
        return len(sent)


def other_core() -> int:
    """The core for the server: it is not the worker's."""
    return max((os.cpu_count() or 1) - 1, WORKER_CORE)


@contextmanager
def scene(folder: Path, core: int | None = None) -> Iterator[Scene]:
    """Bring a Kafka and a registry up, with topics and schemas; this process and they stay on one core: ``core``, or
    the one that is not the worker's.
    """
    os.sched_setaffinity(0, {other_core() if core is None else core})
    stack = LocalStack(folder / "stack", tie=True, report=lambda _: None)
    try:
        addresses = stack.up(("kafka", "registry"))
        made = Scene(folder, folder / "clips", TestTopics(addresses.kafka_bootstrap), addresses.registry_url)
        made.renew()
        yield made
    finally:
        stack.down()


@contextmanager
def pinned_worker(settings: Mapping[str, str], log: Path) -> Iterator[WorkerProcess]:
    """A worker on its core, ready."""
    worker = WorkerProcess(settings, log)
    # It has one thread yet; all that it starts stay where it is.
    os.sched_setaffinity(worker.pid, {WORKER_CORE})
    try:
        worker.wait_for(worker.is_ready, "readiness", READY_SECONDS)
        yield worker
    finally:
        worker.kill()


@contextmanager
def busy_worker(stage: Scene, server: str) -> Iterator[WorkerProcess]:
    """A worker that is warm and has a backlog, to the end of the block too."""
    with pinned_worker(stage.settings(server), stage.folder / "worker.log") as worker:
        begun = worker.metric(RESULTS)
        worker.wait_for(lambda: worker.metric(RESULTS) > begun, "a result", 60)
        time.sleep(WARM_UP_S)
        yield worker
        assert worker.metric(LETTERS) == 0, "the mix has dead letters"
        assert worker.metric("streamproc_in_flight") > 1, "the backlog has ended"


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its threads and the kernel for it included."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
