"""What a local stack writes holds recordings of children: it is its owner's alone, also where it was there before."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.holes import hole

from streamproc.localstack import state
from streamproc.localstack.private import private_folder, private_text
from streamproc.localstack.processes import spawn

pytestmark = hole("F3")


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """The usual one, under which all that is made can be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder(tmp_path: Path) -> None:
    private_folder(tmp_path / "above" / "kafka")
    assert mode(tmp_path / "above" / "kafka") == 0o700
    assert mode(tmp_path / "above") == 0o755


def test_what_was_there_before_is_mended_and_what_is_linked_is_left(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("a program")
    folder = tmp_path / "worker"
    clips = folder / "clips"
    clips.mkdir(parents=True)
    (clips / "reading.wav").write_bytes(b"a child")
    (folder / "run").write_text("#!")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to(elsewhere)
    private_folder(folder)
    assert [mode(path) for path in (folder, clips, clips / "reading.wav", folder / "run")] == [
        0o700,
        0o700,
        0o600,
        0o700,
    ]
    assert mode(elsewhere) == 0o644


def test_a_file_that_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("password=old")
    private_text(file, "password=new")
    assert (mode(file), file.read_text()) == (0o600, "password=new")


def test_the_state_of_a_stack(tmp_path: Path) -> None:
    part = state.PartState(address="127.0.0.1:9092", pid=7, started=12.5, log="/x/kafka.log")
    state.write(tmp_path / "stack", {"kafka": part})
    assert mode(tmp_path / "stack") == 0o700
    assert mode(tmp_path / "stack" / state.FILE) == 0o600


def test_a_folder_of_the_users_own_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    before = mode(tmp_path)
    with state.locked(tmp_path):
        state.write(tmp_path, {})
    assert mode(tmp_path) == before
    assert mode(tmp_path / "bin") == 0o755


def test_what_a_part_writes(tmp_path: Path) -> None:
    script = f"import pathlib; pathlib.Path({str(tmp_path / 'segment')!r}).write_text('records')"
    log = tmp_path / "part" / "part.log"
    process = spawn([sys.executable, "-c", script], log, os.environ, tie=False)
    while process.alive():  # the test's time is bounded
        time.sleep(0.02)
    assert mode(log) == 0o600
    assert mode(log.parent) == 0o700
    assert mode(tmp_path / "segment") == 0o600
