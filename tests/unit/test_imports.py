"""What a worker and a command line load: nothing that they do not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "scipy", "pandas", "librosa", "espeakng_loader", "streamproc.training")


def loaded_by(statement: str, beside: Path | None = None) -> set[str]:
    """What is loaded after ``statement``; ``beside``: a folder of modules that are there as well."""
    script = f"import sys\n{statement}\nprint(*sys.modules, sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(beside)} if beside else None
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    return set(done.stdout.split())


def test_a_worker_loads_neither_torch_nor_other_heavy_things() -> None:
    modules = loaded_by("import streamproc.app")
    assert "faust" in modules
    assert modules.isdisjoint(HEAVY)
    assert modules.isdisjoint({"streamproc.localstack", "streamproc.demo"})


def test_torch_is_not_loaded_where_it_is_installed_either(tmp_path: Path) -> None:
    for name in ("torch", "onnx", "onnxruntime"):
        (tmp_path / f"{name}.py").touch()
    assert {"torch", "onnx"} <= loaded_by("import torch, onnx", tmp_path)
    engine = "from streamproc.inference.served import built_in\n"
    engine += "from streamproc.inference.torch import TorchEngine, TorchOptions\n"
    engine += "TorchEngine(None, built_in('phonemes', ''), 1, 1, TorchOptions())"
    for statement in ("import streamproc.app", engine):
        assert loaded_by(statement, tmp_path).isdisjoint(HEAVY)


def test_the_client_loads_neither_faust_nor_numpy() -> None:
    modules = loaded_by("from streamproc.client import *")
    assert "streamproc.client.publisher" in modules
    assert modules.isdisjoint({*HEAVY, "faust", "mode", "numpy", "aiohttp", "tritonclient", "pydantic_settings"})
    assert modules.isdisjoint({"streamproc.settings", "streamproc.scoring", "streamproc.transport.driver"})


@pytest.mark.parametrize("module", ["streamproc.cli", "streamproc.settings", "streamproc.errors"])
def test_the_command_line_starts_without_what_its_commands_need(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint({*HEAVY, "faust", "confluent_kafka", "tritonclient", "numpy"})


#: What belongs to the whole process, as far as a module could change it; and every module of ours but those that run
#: something, or need packages that are not installed here.
PROCESS = """
import gc, logging, os, pkgutil, signal, sys, threading
import stamina, faust, streamproc

def process():
    return {
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "signals": [signal.getsignal(each) for each in signal.valid_signals()],
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "retries": stamina.instrumentation.get_on_retry_hooks(),
        "root logger": (list(logging.root.handlers), logging.root.level, logging.root.manager.disable),
        "environment": dict(os.environ),
    }

before = process()
count = 0
for found in pkgutil.walk_packages(streamproc.__path__, "streamproc.", onerror=lambda name: None):
    if found.name.startswith("streamproc.training") or found.name.endswith("__main__"):
        continue
    try:
        __import__(found.name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] == "streamproc":
            raise
    count += 1
after = process()
print(count, *(name for name in before if before[name] != after[name]))
"""


def test_no_import_changes_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=60, check=True)
    count, *changed = done.stdout.split()
    assert int(count) > 150
    assert changed == []
