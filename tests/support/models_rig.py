"""Workers and a Triton with several models, steered by the real commands, and a judge of who made each result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streamproc.contracts.generated.events import Result
from streamproc.localstack.stack import Addresses
from streamproc.localstack.triton import MODELS, TritonPart
from streamproc.routing.log import PARTITION
from streamproc.routing.split import in_canary
from support.activities import activity, phrase, value
from support.model_signature import maker
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess, environment, run, streamproc

SHIPPED, CANDIDATE, SHADE, MUMBLER = "phonemes", "candidate", "shade", "mumbler"
DEAF, BROKEN, SLOW = "deaf", "broken", "slow"
"""The model in the tree; three that hear as it does, each less sure of it, and have other weights by their SHA-256; one
that hears nobody; one that fails on every reading but the noise by which it is checked; one that takes its time."""

SCALES = {SHIPPED: 1.0, CANDIDATE: 0.9, SHADE: 0.8, SLOW: 0.7, MUMBLER: 0.2}
"""What each multiplies its logits by: its results tell who made them."""

_SCALED = """
_unscaled = _response


def _response(heard):
    return _unscaled([logits * np.float32({scale}) for logits in heard])
"""

_DEAF = """
_execute = TritonPythonModel.execute


def _response(heard):
    silent = [np.where(np.arange(SYMBOLS) == SYMBOLS - 1, 9.0, 0.0) * np.ones_like(logits) for logits in heard]
    frames = np.array([[len(logits)] for logits in silent], dtype=np.int32)
    padded = np.zeros((len(silent), int(frames.max()), SYMBOLS), dtype=np.float32)
    for row, logits in enumerate(silent):
        padded[row, : len(logits)] = logits
    return pb_utils.InferenceResponse([pb_utils.Tensor("LOGITS", padded), pb_utils.Tensor("FRAMES", frames)])
"""
_BROKEN = """
_working = TritonPythonModel.execute


def _execute(self, requests):
    audio = [pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy() for request in requests]
    responses = _working(self, requests)
    return [_failed() if clips.shape[1] > 20_000 else one for clips, one in zip(audio, responses)]


def _failed():
    # One for each: Triton does not survive a response that answers two requests.
    return pb_utils.InferenceResponse(error=pb_utils.TritonError("broken"))


TritonPythonModel.execute = _execute
"""
_SLOW = """
import time

_quick = TritonPythonModel.execute


def _execute(self, requests):
    time.sleep(0.2 * len(requests))
    return _quick(self, requests)


TritonPythonModel.execute = _execute
"""
_CHANGED = {
    **{name: _SCALED.format(scale=scale) for name, scale in SCALES.items() if name != SHIPPED},
    DEAF: _DEAF,
    BROKEN: _BROKEN,
}
_CHANGED[SLOW] += _SLOW
ALL = (SHIPPED, CANDIDATE, SHADE, DEAF, BROKEN, SLOW)


def repository(folder: Path, names: Sequence[str] = ALL) -> dict[str, str]:
    """Make a model repository; name -> SHA-256. Every model has version 2."""
    shipped = (MODELS / SHIPPED / "2/model.onnx").read_bytes()
    text = (MODELS / SHIPPED / "config.pbtxt").read_text("utf-8")
    known = hashlib.sha256(shipped).hexdigest()
    found = {}
    for name in names:
        version = folder / name / "2"
        version.mkdir(parents=True)
        # A document string more, in ONNX's protobuf: the same network, another file.
        content = shipped if name == SHIPPED else shipped + b"\x32" + bytes([len(name)]) + name.encode()
        (version / "model.onnx").write_bytes(content)
        shutil.copy(MODELS / SHIPPED / "2/model.py", version / "model.py")
        with (version / "model.py").open("a") as code:
            code.write(_CHANGED.get(name, ""))
        found[name] = hashlib.sha256(content).hexdigest()
        config = text.replace(f'name: "{SHIPPED}"', f'name: "{name}"').replace(known, found[name])
        (folder / name / "config.pbtxt").write_text(config, "utf-8")
    return found


@dataclass
class ModelsRig:
    """Topics, a Triton with several models, workers."""

    topics: TestTopics
    triton: TritonPart
    sha256: dict[str, str]
    settings: dict[str, str]
    schema_id: int
    folder: Path
    workers: list[WorkerProcess]
    learners: int = 48
    quickest_command_s: float = 5.0
    """That one which ended has taken so far."""

    @classmethod
    @contextmanager
    def opened(
        cls,
        stack: Addresses,
        folder: Path,
        workers: int,
        names: Sequence[str] = ALL,
        more: Mapping[str, str] | None = None,
    ) -> Iterator[ModelsRig]:
        """Everything up and ready, with ``more`` settings; all of it ends with the block."""
        sha256 = repository(folder / "models", names)
        with contextlib.ExitStack() as ending:
            triton = TritonPart(folder / "triton", models=folder / "models")
            ending.callback(triton.stop)
            triton.start()
            topics = TestTopics(stack.kafka_bootstrap)
            settings = {
                **topics.settings,
                "STREAMPROC_REGISTRY__URL": stack.registry_url,
                "STREAMPROC_TRITON__URLS": triton.address,
                "STREAMPROC_TRITON__MODEL": SHIPPED,
                "STREAMPROC_TRITON__TIMEOUT": "8",
                "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "6",
                "STREAMPROC_LOG__FORMAT": "json",
                **(more or {}),
            }
            rig = cls(topics, triton, sha256, settings, prepare(settings, topics), folder, [])
            ending.callback(rig.end)
            for _ in range(workers):
                rig.start_worker()
            for worker in rig.workers:
                worker.wait_ready()
            yield rig

    def end(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.end()

    def start_worker(self, place: int | None = None) -> WorkerProcess:
        """One worker more, or another in the place of one that has ended."""
        worker = WorkerProcess(self.settings, self.folder / f"worker-{len(self.workers)}-{time.time_ns()}.log")
        if place is None:
            self.workers.append(worker)
        else:
            self.workers[place] = worker
        return worker

    def kill_worker(self, place: int) -> None:
        """kill -9, and a new one in its place."""
        self.workers[place].kill()
        self.start_worker(place)

    def models(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`streamproc models …`; with a reason where one is needed."""
        given = [] if arguments[0] in ("status", "list") else ["--reason", "a test"]
        began = time.monotonic()
        ended = run(self.settings, "models", *arguments, *given, "--json")
        self.quickest_command_s = min(self.quickest_command_s, time.monotonic() - began)
        return ended

    def begin(self, *arguments: str, reason: str | None = "a test") -> subprocess.Popen[str]:
        """The same, not waited for."""
        command = streamproc("models", *arguments, *([] if reason is None else ["--reason", reason]), "--json")
        return subprocess.Popen(
            command, env=environment(self.settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def begin_until_written(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, until its event is in the log: it does not know that yet. Or until it ends by itself."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "nobody", "log_level": 0})
        place = TopicPartition(self.topics.control, PARTITION)
        try:
            before = consumer.get_watermark_offsets(place, timeout=10)
            command = self.begin(*arguments)
            while command.poll() is None and consumer.get_watermark_offsets(place, timeout=10) == before:
                time.sleep(0.005)
        finally:
            consumer.close()
        return command

    def done(self, *arguments: str) -> dict[str, Any]:
        """What a command that succeeds answers."""
        ended = self.models(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer

    def canary(self, model: str, share: float) -> dict[str, Any]:
        """Begin one by its SHA-256: no server is asked first."""
        return self.done("canary", f"{model}/2", "--share", str(share), "--sha256", self.sha256[model])

    def all_at(self, revision: int) -> bool:
        """Whether every worker that answers has read so far."""
        return all(self.metric(worker, "streamproc_control_revision") >= revision for worker in self.workers)

    def metric(self, worker: WorkerProcess, name: str, **labels: str) -> float:
        """A worker's figure; -2 where it does not answer now."""
        try:
            return worker.metric(name, **labels)
        except OSError:
            return -2.0

    def told(self, worker: WorkerProcess) -> dict[str, Any]:
        """What a worker says of itself on its page."""
        said: dict[str, Any] = json.loads(worker.page("/console/api/worker"))
        return said

    def logged(self, event: str, about: str = "") -> int:
        """Workers that say so in their log, of this in the same line."""
        return sum(
            any(event in line and about in line for line in worker.log_text().splitlines()) for worker in self.workers
        )

    def learner(self, number: int) -> str:
        """Who reads the activity of this number."""
        return f"learner-{number % self.learners}"

    def record(self, number: int) -> tuple[bytes, bytes]:
        """An activity's key and value."""
        learner = self.learner(number)
        event = activity(phrase(), activity_id=f"reading-{number}", learner_id=learner)
        return learner.encode(), value(event, self.schema_id)

    def maker(self, result: Result) -> str | None:
        """The model that heard this, by what it says of the words; None: none of these."""
        heard = any(word.heard for phrase in result.phrases for word in phrase.words)
        return maker(result, SCALES, SHIPPED) if heard else DEAF

    def misnamed(self, results: Iterable[Result]) -> list[str]:
        """Results that name no model of the repository's, or another one than their confidences tell of."""
        known = {(name, "2", sha256) for name, sha256 in self.sha256.items()}
        wrong = []
        for one in results:
            name, said = one.model.name, self.maker(one)
            if (name, one.model.version, one.model.sha256) not in known or said != name:
                wrong.append(f"{one.activity_id}: {name}, made by {said}")
        return wrong

    def misrouted(self, results: Sequence[Result], model: str, share: float) -> list[str]:
        """Results that another model made than the split says."""
        return [one.activity_id for one in results if (one.model.name == model) is not in_canary(one.learner_id, share)]


def wait_until(condition: Callable[[], bool], what: str, seconds: float, meanwhile: Callable[[], None]) -> None:
    """Wait for a condition, doing something else between two looks.

    Raises:
        AssertionError: it does not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        meanwhile()
