"""A real Triton that runs Python models with the packages of this environment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput

from streamproc.localstack.errors import StackError
from streamproc.localstack.triton import SHARED_MEMORY, TritonPart, answers, shared_memory_prefix

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[TritonPart]:
    """A running Triton of the test's own."""
    part = TritonPart(tmp_path / "triton", models=MODELS)
    part.start()
    yield part
    part.stop()


def test_it_serves_a_python_model(triton: TritonPart) -> None:
    samples = np.random.default_rng(5).standard_normal((4, 16000), dtype=np.float32)
    assert np.array_equal(_double(triton.address, samples), 2 * samples)


def test_a_killed_triton_comes_back_and_leaves_no_shared_memory(triton: TritonPart) -> None:
    address = triton.address
    triton.kill()
    assert not answers(address)
    triton.start()
    assert triton.address == address
    assert _double(address, np.ones((1, 3), np.float32)).tolist() == [[2, 2, 2]]
    prefix = shared_memory_prefix(triton.folder)
    assert len(list(SHARED_MEMORY.glob(f"{prefix}*"))) == 1
    triton.stop()
    assert not list(SHARED_MEMORY.glob(f"{prefix}*"))
    assert not triton.folder.exists()


def test_a_model_that_cannot_be_loaded_is_named_with_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "models" / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "config.pbtxt").write_text((MODELS / "double" / "config.pbtxt").read_text())
    (broken / "1" / "model.py").write_text("raise RuntimeError('no such luck')\n")
    part = TritonPart(tmp_path / "triton", models=tmp_path / "models")
    with pytest.raises(StackError, match=r"Triton ended while it was starting(.|\n)*RuntimeError: no such luck"):
        part.start()
    part.stop()


def test_a_repository_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=f"no model repository {tmp_path / 'none'}"):
        TritonPart(tmp_path / "triton", models=tmp_path / "none").start()


def test_models_find_the_packages_of_this_environment(tmp_path: Path) -> None:
    model = tmp_path / "models" / "packages"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text((MODELS / "double" / "config.pbtxt").read_text())
    seen = tmp_path / "seen"
    (model / "1" / "model.py").write_text(
        "import os, sys, numpy, onnxruntime\n"
        f"open({str(seen)!r}, 'w').write(' '.join([onnxruntime.__file__, numpy.__version__, "
        "os.environ['OMP_NUM_THREADS'], sys.version]))\n"
        "class TritonPythonModel:\n"
        "    def execute(self, requests):\n"
        "        return []\n"
    )
    part = TritonPart(tmp_path / "triton", models=tmp_path / "models")
    part.start()
    part.stop()
    where, numpy_version, threads, *version = seen.read_text().split()
    assert Path(where).is_relative_to(sys.prefix)
    assert numpy_version.startswith("1.")
    assert threads == "1"
    assert version == sys.version.split()


def _double(
    address: str, samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    tensor = InferInput("x", list(samples.shape), "FP32")
    tensor.set_data_from_numpy(samples)
    with InferenceServerClient(address) as client:
        answer = client.infer("double", [tensor], client_timeout=30).as_numpy("y")
    assert isinstance(answer, np.ndarray)
    return answer
