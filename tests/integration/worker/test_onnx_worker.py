"""A worker that scores on this machine's CPU: Kafka and a registry are all that it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.activities import activity, inline, phrase, result, value
from support.engine_suite import GOLDEN, MODEL, REPOSITORY
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess, free_port, run

from streamproc.contracts.generated.events import Model, PhraseStatus, Verdict
from streamproc.localstack.stack import Addresses, LocalStack


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Addresses:
    """No Triton among it."""
    return local_stack.up(("kafka", "registry"))


@pytest.fixture(scope="module")
def settings(settings: dict[str, str]) -> dict[str, str]:
    """A worker's environment, with nobody where a Triton would be."""
    return {
        **settings,
        "STREAMPROC_TRITON__URLS": f"127.0.0.1:{free_port()}",
        "STREAMPROC_INFERENCE__ENGINE": "onnx",
        "STREAMPROC_ONNX__REPOSITORY": str(REPOSITORY),
    }


@pytest.fixture
def worker(settings: dict[str, str], schema_id: int, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker that is ready."""
    process = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        process.wait_ready()
        yield process
    finally:
        process.end()


def test_it_scores_without_a_triton(worker: WorkerProcess, topics: TestTopics, schema_id: int) -> None:
    audio = inline((GOLDEN / "clip.flac").read_bytes())
    read = [phrase(audio, "Milo the mole had a lantern.", index) for index in range(2)]
    published = topics.publish([Record(b"learner-1", value(activity(*read), schema_id), []) for _ in range(5)])
    records = topics.read(topics.results, len(published), 60)
    results = [result(record.value or b"") for record in records]
    assert sorted((one.source.partition, one.source.offset) for one in results) == sorted(
        (one.partition, one.offset) for one in published
    )
    model = Model(name="phonemes", version="2", sha256=hashlib.sha256(MODEL.read_bytes()).hexdigest())
    for one in results:
        assert (one.engine, one.model) == ("onnx", model)
        for each in one.phrases:
            assert each.status is PhraseStatus.SCORED
            assert {word.verdict for word in each.words} == {Verdict.CORRECT}
        assert one.timings.inference_ms > 0
    assert topics.read(topics.letters, 1, seconds=1) == []
    assert worker.terminate() == 0
    assert "Traceback" not in worker.log_text()


@pytest.mark.parametrize(
    ("changed", "code", "names"),
    [
        (
            {"STREAMPROC_ONNX__REPOSITORY": "/nowhere"},
            "MODEL_UNSUITABLE",
            ["/nowhere/phonemes/1/model.onnx", "STREAMPROC_ONNX__REPOSITORY"],
        ),
        ({"PYTHONPATH": "HIDDEN"}, "SETTINGS_INVALID", ["streamproc[onnx]", "STREAMPROC_INFERENCE__ENGINE"]),
        (
            {"PYTHONPATH": "HIDDEN", "STREAMPROC_INFERENCE__ENGINE": "torch"},
            "SETTINGS_INVALID",
            ["streamproc[torch]", "STREAMPROC_INFERENCE__ENGINE"],
        ),
        (
            {"STREAMPROC_INFERENCE__ENGINE": "tpu", "STREAMPROC_ONNX__THREADS": "0"},
            "SETTINGS_INVALID",
            ["STREAMPROC_INFERENCE__ENGINE", "STREAMPROC_ONNX__THREADS"],
        ),
    ],
    ids=["no model", "no onnxruntime", "no torch", "wrong settings"],
)
def test_what_it_cannot_do_is_one_message_at_the_start(
    settings: dict[str, str], schema_id: int, tmp_path: Path, changed: dict[str, str], code: str, names: list[str]
) -> None:
    for hidden in ("onnxruntime.py", "torch.py"):
        (tmp_path / hidden).write_text("raise ImportError('hidden by a test')\n")
    changed = {name: text.replace("HIDDEN", str(tmp_path)) for name, text in changed.items()}
    failed = run({**settings, **changed}, "worker")
    assert failed.returncode == 2, failed.stderr
    first, *rest = failed.stderr.splitlines()
    assert first == f"streamproc: {code}"
    assert all(line.startswith("  ") for line in rest), "something else was written"
    for name in names:
        assert name in "\n".join(rest)
