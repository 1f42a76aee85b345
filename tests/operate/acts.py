"""The acts of the drill: each provokes a cause, names the alerts that it must raise, and mends it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from support.activities import activity, clip, inline, phrase
from support.models_rig import BROKEN
from support.worker_process import WorkerProcess, environment, run, streamproc

from operate.scene import Scene
from streamproc.telemetry.alerting import burning

INSTANCE = "the-drill"
MODELS = Path(__file__).parents[2] / "models"


@dataclass(frozen=True, slots=True)
class Act:
    """``provoke`` makes it happen; once ``alerts`` fire and their runbooks are followed, ``mend`` ends it.

    later: alerts that fire only when it is over, for what has waited is late then.
    """

    name: str
    alerts: tuple[str, ...]
    provoke: Callable[[], None]
    mend: Callable[[], None]
    later: tuple[str, ...] = ()


class Stage:
    """The scene with a worker on it, which the acts end and start, and the process of synthetic activities."""

    def __init__(self, scene: Scene, targets: Path) -> None:
        self.scene = scene
        self._targets = targets
        self.worker: WorkerProcess | None = None
        self._synthetic: subprocess.Popen[bytes] | None = None
        self._short = activity(phrase(inline(clip(0.5))))
        self._long = activity(phrase())

    def start(self, **more: str) -> None:
        """Start a worker with these settings beside the scene's."""
        settings = {
            **self.scene.settings,
            "STREAMPROC_TRANSPORT__GROUP_INSTANCE_ID": INSTANCE,
            "STREAMPROC_EVENT__DEADLINE": "2",
            "STREAMPROC_QUARANTINE__EVENTS": "40",
            **more,
        }
        self.worker = WorkerProcess(settings, self.scene.folder / "worker.log")
        self._targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{self.worker.port}"]}]))
        self.worker.wait_ready()

    def end(self) -> None:
        """End the worker."""
        assert self.worker is not None
        self.worker.end()

    def restart(self, **more: str) -> None:
        """End it, and start another."""
        self.end()
        self.start(**more)

    @contextmanager
    def synthetic(self) -> Iterator[None]:
        """One a second, inside the block; what is said of them is in a log of its own."""
        with (self.scene.folder / "synthetic.log").open("ab") as log:
            settings = {**self.scene.settings, "STREAMPROC_SYNTHETIC__INTERVAL": "1"}
            process = subprocess.Popen(
                streamproc("synthetic", "--json"), env=environment(settings), stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def publish(self, count: int) -> None:
        """Good activities."""
        for _ in range(count):
            self.scene.publish(self._short)

    def publish_bad(self, count: int) -> None:
        """Records that are no activities."""
        for _ in range(count):
            self.scene.publish_bytes(b"no Avro")

    def lose_triton(self) -> None:
        """Kill it while activities come."""
        self.scene.triton.kill()
        self.publish(60)

    def score_on_the_cpu(self) -> None:
        """Kill Triton under a worker that has a fallback."""
        self.restart(STREAMPROC_INFERENCE__FALLBACK="onnx", STREAMPROC_ONNX__REPOSITORY=str(MODELS))
        self.scene.triton.kill()

    def roll_back(self) -> None:
        """Begin a canary that fails on everything, while activities come."""
        sha256 = self.scene.models[BROKEN]
        command = ("models", "canary", f"{BROKEN}/2", "--share", "100%", "--sha256", sha256, "--reason", "the drill")
        ended = run(self.scene.settings, *command)
        assert ended.returncode == 0, ended.stderr
        worker = self.worker
        assert worker is not None
        worker.wait_for(lambda: "a canary begins" in worker.log_text(), "the canary", 30)
        for _ in range(40):
            self.scene.publish(self._long)

    def fence(self) -> None:
        """Take the worker's transactional id, as a process that was started twice does, while it works."""
        for _ in range(4):
            self.publish(3)
            intruder = Producer(
                {
                    "bootstrap.servers": self.scene.topics.bootstrap,
                    "transactional.id": f"{self.scene.topics.name}-{INSTANCE}",
                    "log_level": 0,
                }
            )
            try:
                intruder.init_transactions(10)
            except KafkaException as error:
                print(f"the intruder was refused: {error}", file=sys.stderr)
            self.publish(3)
            time.sleep(1)  # until the worker has taken it back


def acts(stage: Stage) -> Iterator[Act]:
    """All of them, in order."""
    scene = stage.scene
    burns = tuple(alert.name for alert in burning.alerts())
    yield Act(
        "a certificate of five days",
        ("StreamprocCertificateExpires",),
        lambda: scene.certify_client(timedelta(days=5)),
        lambda: scene.certify_client(timedelta(days=60)),
    )
    yield Act("a few bad activities", ("StreamprocDeadLetters",), lambda: stage.publish_bad(6), lambda: None)
    yield Act("bad activities alone", ("StreamprocQuarantined",), lambda: stage.publish_bad(26), stage.restart)
    yield Act("the worker ends", ("StreamprocNoWorkers",), stage.end, stage.start)
    yield Act(
        "Triton is killed",
        (
            "StreamprocNoEndpoint",
            "StreamprocBreakerOpen",
            "StreamprocIntakePaused",
            "StreamprocNoProgress",
            "StreamprocSyntheticMissing",
            "StreamprocOldestTooOld",
        ),
        stage.lose_triton,
        scene.triton.start,
        later=burns,
    )
    yield Act("a canary fails", ("StreamprocCanaryRolledBack",), stage.roll_back, lambda: None)
    yield Act("another producer has its transactional id", ("StreamprocFenced",), stage.fence, lambda: None)
    yield Act(
        "Triton is killed, and the CPU scores",
        ("StreamprocFallback",),
        stage.score_on_the_cpu,
        scene.triton.start,
    )
