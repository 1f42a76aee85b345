"""What is in the images, and what is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.docker_engine import build, docker, fingerprint
from support.image_fixtures import DEBIAN

LARGEST = 350 * 1000 * 1000


def inspected(tag: str) -> dict[str, object]:
    (one,) = json.loads(docker("image", "inspect", tag))
    assert isinstance(one, dict)
    return one


def test_the_worker_is_small_and_nobody_s_root(worker_image: str) -> None:
    image = inspected(worker_image)
    config = image["Config"]
    assert isinstance(config, dict)
    assert image["Size"] < LARGEST  # type: ignore[operator]
    assert config["User"] == "65532:65532"
    assert config["Healthcheck"]["Test"] == ["CMD", "streamproc", "health"]
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["Volumes"]) == {"/tmp", "/run/tls"}
    assert not [line for line in config["Env"] if "PASSWORD" in line or "TOKEN" in line]


def test_two_builds_are_the_same_and_hold_neither_shell_nor_torch(
    worker_image: str, context: Path, tmp_path: Path
) -> None:
    one, files = fingerprint(worker_image, tmp_path)
    build(context, DEBIAN, "worker", "streamproc-test/worker:two", "--no-cache")
    two, others = fingerprint("streamproc-test/worker:two", tmp_path)
    assert [name for name in files.keys() | others.keys() if files.get(name) != others.get(name)] == []
    assert one == two
    names = {Path(name).name for name in files}
    assert not names & {"sh", "bash", "dash", "apt", "dpkg", "pip", "gcc", "torch", "onnxruntime", "pytest"}
    assert not [name for name, told in files.items() if int(json.loads(told)[1], 8) & 0o6000], (
        "nothing changes its user"
    )


def test_every_command_explains_itself_and_nothing_can_be_written(worker_image: str) -> None:
    hardened = ("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", worker_image)
    assert "Score readings" in docker(*hardened, "worker", "--help")
    assert "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS" in docker(*hardened, "settings", "--markdown")
    done = subprocess.run(["docker", *hardened, "health"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no worker answers on 0.0.0.0:6066" in done.stderr


def test_the_worker_takes_no_other_model_than_the_second_image_s(worker_image: str, context: Path) -> None:
    asked = (
        "from streamproc.inference.configured import catalogue_of; from streamproc.settings import Settings; "
        "print(catalogue_of(Settings()).pick('phonemes', '', '').identity.sha256)"
    )
    pinned = docker("run", "--rm", "--network", "none", "--entrypoint", "python", worker_image, "-c", asked).strip()
    assert f'"{pinned}"' in (context / "models/phonemes/config.pbtxt").read_text("utf-8")


def test_the_second_image_holds_the_models(triton_image: str, context: Path, tmp_path: Path) -> None:
    name = docker("create", triton_image, "none").strip()
    try:
        docker("cp", f"{name}:/models", str(tmp_path))
    finally:
        docker("rm", name)

    def tree(folder: Path) -> dict[str, bytes]:
        files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    assert tree(tmp_path / "models" / "phonemes") == tree(context / "models" / "phonemes")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["phonemes"], (
        "what training begins with stays out"
    )
