"""What these tests share: worker processes of plain Faust apps, and a reader that sees what downstream sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from support.plan import create_topics
from support.waiting import PATIENCE, wait_for

from streamproc.localstack.processes import ProcessRef, log_tail, spawn

HERE = Path(__file__).parent
#: Short deadlines, so that a takeover does not hold a test up; everything else is the driver's default.
QUERY = "commit_interval=0.05&session_timeout=6"


@dataclass
class App:
    """An app file of this folder, and the workers that run it."""

    bootstrap: str
    file: str
    folder: Path
    query: str = QUERY
    name: str = field(default_factory=lambda: f"surface-{uuid.uuid4().hex[:8]}")
    extra: dict[str, Any] = field(default_factory=dict)
    workers: dict[str, ProcessRef] = field(default_factory=dict)

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.workers.values():
            process.kill()

    def topic(self, name: str) -> str:
        """The full name of one of the app's topics."""
        return f"{self.name}-{name}"

    def create(self, *names: str, partitions: int = 4) -> None:
        """Make topics."""
        create_topics(self.bootstrap, *map(self.topic, names), partitions=partitions)

    def environment(self, worker: str = "a") -> dict[str, str]:
        """What a process of the app is told."""
        folder = self.folder / worker
        folder.mkdir(parents=True, exist_ok=True)
        separator = "?" if self.query else ""
        broker = f"rdkafka://{self.bootstrap}{separator}{self.query}"
        plan = {"broker": broker, "name": self.name, "folder": str(folder), "worker": worker, **self.extra}
        return {**os.environ, "SURFACE": json.dumps(plan)}

    def log(self, worker: str = "a") -> Path:
        """Where a worker logs."""
        return self.folder / f"{worker}.log"

    def start(self, worker: str = "a", *, ready: bool = True) -> None:
        """Start a worker, and wait until it runs."""
        log = self.log(worker)
        starts = self.text(worker).count("[^Worker]: Ready")
        command = [sys.executable, str(HERE / self.file), "worker", "--without-web", "--loglevel", "info"]
        self.workers[worker] = spawn(command, log, self.environment(worker), tie=True)

        def is_ready() -> bool:
            self.check_alive()
            return self.text(worker).count("[^Worker]: Ready") > starts

        if ready:
            wait_for(is_ready, f"worker {worker}", 60)

    def kill(self, worker: str = "a") -> None:
        """kill -9."""
        self.workers.pop(worker).kill()

    def stop(self, worker: str = "a", timeout: float = 40.0) -> None:
        """SIGTERM, and wait for its end."""
        process = self.workers[worker]
        os.kill(process.pid, signal.SIGTERM)
        wait_for(lambda: not process.alive(), f"the end of {worker}", timeout)
        del self.workers[worker]

    def wait_end(self, worker: str = "a", timeout: float = 60.0) -> str:
        """Wait until it ends by itself. Returns its log."""
        wait_for(lambda: not self.workers[worker].alive(), f"the end of {worker}", timeout)
        del self.workers[worker]
        return self.text(worker)

    def run(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one of Faust's commands on the app."""
        command = [sys.executable, str(HERE / self.file), *arguments]
        environment = self.environment("command")
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)

    def text(self, worker: str = "a") -> str:
        """All that it has logged."""
        return self.log(worker).read_text(errors="replace") if self.log(worker).exists() else ""

    def check_alive(self) -> None:
        """Raise, with its log, when a worker has ended that nobody ended."""
        for worker, process in self.workers.items():
            assert process.alive(), f"{worker} has ended.\n{log_tail(self.log(worker), 60)}"

    def calls(self) -> list[str]:
        """The lines that the app's ``work`` has written, without their times."""
        return [line.split()[0] for path in self.folder.glob("*/calls") for line in path.read_text().splitlines()]


class Reader:
    """Reads topics, all their partitions, read_committed, from their start."""

    def __init__(self, bootstrap: str, topics: Sequence[str], *, partitions: int = 4) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(partitions)])
        self.found: dict[str, list[Message]] = {topic: [] for topic in topics}

    def read(self, seconds: float) -> None:
        """Read for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(1000, min(left, 0.2)):
                if message.error() is None:
                    self.found[str(message.topic())].append(message)

    def wait_for(self, condition: Callable[[], bool], what: str, timeout: float, app: App | None = None) -> None:
        """Read until the condition holds."""
        deadline = time.monotonic() + timeout * PATIENCE
        while not condition():
            if app is not None:
                app.check_alive()
            assert time.monotonic() < deadline, (
                f"waited {timeout * PATIENCE:g} s for {what}: { {t: len(m) for t, m in self.found.items()} }"
            )
            self.read(0.2)

    def values(self, topic: str) -> list[bytes]:
        """The values of a topic, in the order they were read."""
        return [message.value() or b"" for message in self.found[topic]]

    def numbers(self, topic: str) -> list[int]:
        """The numbers in all its values (a value may hold several, with blanks between)."""
        return [int(number) for value in self.values(topic) for number in value.split()]

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
