"""What a worker and a command line load: nothing that they do not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "scipy", "pandas", "librosa", "espeakng_loader", "streamproc.training")


def loaded_by(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_a_worker_loads_neither_torch_nor_other_heavy_things() -> None:
    modules = loaded_by("import streamproc.app")
    assert "faust" in modules
    assert modules.isdisjoint(HEAVY)
    assert modules.isdisjoint({"streamproc.localstack", "streamproc.demo"})


def test_the_client_loads_neither_faust_nor_numpy() -> None:
    modules = loaded_by("from streamproc.client import *")
    assert "streamproc.client.publisher" in modules
    assert modules.isdisjoint({*HEAVY, "faust", "mode", "numpy", "aiohttp", "tritonclient", "pydantic_settings"})
    assert modules.isdisjoint({"streamproc.settings", "streamproc.scoring", "streamproc.transport.driver"})


@pytest.mark.parametrize("module", ["streamproc.cli", "streamproc.settings", "streamproc.errors"])
def test_the_command_line_starts_without_what_its_commands_need(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint({*HEAVY, "faust", "confluent_kafka", "tritonclient", "numpy"})
