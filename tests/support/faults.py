"""Everything around a worker that can fail on demand: its model, its object store, its own code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from streamproc.contracts.generated.events import Audio
from streamproc.localstack.triton import TritonPart
from support import worker_with_a_bug
from support.activities import encode
from support.object_store import ObjectStore
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

REFUSED, SLOW = 0.25, 0.75
"""First samples that failing_model.py knows."""

MODELS = {
    "phonemes": """
max_batch_size: 32
input [
  { name: "AUDIO" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true },
  { name: "LENGTHS" data_type: TYPE_INT32 dims: [ 1 ] }
]
output [
  { name: "LOGITS" data_type: TYPE_FP32 dims: [ -1, 41 ] },
  { name: "FRAMES" data_type: TYPE_INT32 dims: [ 1 ] }
]
""",
    "unsuitable": """
max_batch_size: 0
input [ { name: "TEXT" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "CLASS" data_type: TYPE_FP32 dims: [ -1 ] } ]
""",
}
"""Name -> what of its configuration is its own."""

GRACE_SECONDS = 5.0


@contextmanager
def failing_triton(folder: Path) -> Iterator[TritonPart]:
    """A real Triton that serves the models of this folder."""
    models = folder / "models"
    for name, configuration in MODELS.items():
        (models / name / "1").mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "failing_model.py", models / name / "1" / "model.py")
        head = f'name: "{name}"\nbackend: "python"\ninstance_group [ {{ count: 1 kind: KIND_CPU }} ]'
        (models / name / "config.pbtxt").write_text(head + configuration)
    triton = TritonPart(folder / "triton", models=models, tie=True)
    try:
        triton.start()
        yield triton
    finally:
        triton.stop()


def slow_file(folder: Path) -> Path:
    """While it is there, requests that are marked SLOW hang."""
    return folder / "models" / "phonemes" / "slow"


def mended_file(folder: Path) -> Path:
    """Once it is there, requests that are marked REFUSED are accepted."""
    return folder / "models" / "phonemes" / "mended"


def marked(mark: float, seconds: float = 1.0) -> Audio:
    """A clip whose first sample is ``mark``."""
    samples = np.random.default_rng(1).normal(0, 0.05, (int(seconds * 16_000), 1)).astype(np.float32)
    samples[0] = mark
    return Audio(data=encode(samples, 16_000, "WAV", "FLOAT"), sample_rate=16_000)


def breaking() -> Audio:
    """A clip that the worker with a bug cannot stand."""
    return marked(0.1, worker_with_a_bug.BUG_MS / 1000)


def worker_settings(
    topics: TestTopics, registry_url: str, triton_url: str, store: ObjectStore, clips: Path
) -> dict[str, str]:
    """A worker's environment, with short patience."""
    prefixes = [f"{store.address}/clips/", clips.as_uri() + "/", "s3://clips/"]
    return {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": registry_url,
        "STREAMPROC_TRITON__URLS": triton_url,
        "STREAMPROC_TRITON__TIMEOUT": "1",
        "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps(prefixes),
        "STREAMPROC_AUDIO__NOT_FOUND_GRACE": str(GRACE_SECONDS),
        "STREAMPROC_EVENT__DEADLINE": "2",
        "STREAMPROC_LOG__FORMAT": "json",
    }


@contextmanager
def running(settings: dict[str, str], log_file: Path, *, bug: bool = False) -> Iterator[WorkerProcess]:
    """A worker that is ready."""
    program = (worker_with_a_bug.__file__,) if bug else ("-m", "streamproc")
    process = WorkerProcess(settings, log_file, program)
    try:
        process.wait_ready()
        yield process
    finally:
        process.end()
