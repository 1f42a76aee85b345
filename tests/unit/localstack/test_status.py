"""`local status` shows a stack's processes and logs whatever is exported, and the logs of what has died."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from support.holes import hole

from streamproc import settings
from streamproc.cli.local import command
from streamproc.localstack import state
from streamproc.localstack.stack import KINDS, LocalStack

pytestmark = hole("F6")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[str]:
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def note(folder: Path, **parts: tuple[str, int]) -> None:
    """Write down that these parts run: name -> address and process id; 0: it has ended."""
    known = {}
    for name, (address, pid) in parts.items():
        started = psutil.Process(pid).create_time() if pid else 1.0
        known[name] = state.PartState(address, pid, started, str(folder / f"{name}.log"))
    state.write(folder, known)


def shown(folder: Path) -> list[str]:
    return CliRunner().invoke(command, ["status", "--folder", str(folder)]).output.splitlines()


def test_the_stacks_own_address_in_the_environment_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    note(tmp_path, triton=(server, os.getpid()))
    without = LocalStack(tmp_path).status()["triton"]
    monkeypatch.setenv(KINDS["triton"].variable, server)
    exported = LocalStack(tmp_path).status()["triton"]
    assert exported == without
    assert (exported.provider, exported.pid, exported.log) == ("stack", os.getpid(), str(tmp_path / "triton.log"))


def test_another_address_in_the_environment_is_shown_and_so_is_the_stacks_own_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    note(tmp_path, registry=("127.0.0.1:1", os.getpid()))
    monkeypatch.setenv(KINDS["registry"].variable, f"http://{server}")
    found = LocalStack(tmp_path).status()["registry"]
    assert (found.state, found.provider, found.address) == ("up", "environment", f"http://{server}")
    assert (found.pid, found.log) == (os.getpid(), str(tmp_path / "registry.log"))
    lines = shown(tmp_path)
    assert f"registry  up      http://{server}  (from the environment)" in lines
    assert f"                  process {os.getpid()}, not in use" in lines
    assert f"                  log {tmp_path / 'registry.log'}" in lines


def test_a_part_that_has_died_still_has_its_log(tmp_path: Path) -> None:
    note(tmp_path, kafka=("127.0.0.1:9092", 0))
    found = LocalStack(tmp_path).status()["kafka"]
    assert (found.state, found.address, found.pid) == ("down", "127.0.0.1:9092", None)
    assert f"                  log {tmp_path / 'kafka.log'}" in shown(tmp_path)


def test_a_kept_worker_is_shown(tmp_path: Path, server: str) -> None:
    note(tmp_path, worker=(f"http://{server}", os.getpid()))
    run = CliRunner().invoke(command, ["status", "--json", "--folder", str(tmp_path)])
    worker = json.loads(run.output)["worker"]
    assert (worker["state"], worker["pid"], worker["log"]) == ("up", os.getpid(), str(tmp_path / "worker.log"))
    assert run.exit_code == 1, "the parts are not up"
