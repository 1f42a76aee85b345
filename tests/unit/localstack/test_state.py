"""The state of a stack survives a round trip; a damaged one is an error; one command at a time holds it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streamproc.localstack import state
from streamproc.localstack.errors import StackError

PART = state.PartState(address="127.0.0.1:9092", pid=7, started=12.5, log="/x/kafka.log")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert state.read(tmp_path / "none") == {}
    state.write(tmp_path / "stack", {"kafka": PART})
    assert state.read(tmp_path / "stack") == {"kafka": PART}
    assert PART.process.pid == 7
    assert PART.process.started == 12.5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kafka": 1}', '{"kafka": {"pid": 1}}'])
def test_a_damaged_state_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_text(text)
    with pytest.raises(StackError, match=r"stack\.json is damaged"):
        state.read(tmp_path)


def test_whoever_waited_for_a_stack_that_was_removed_holds_a_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    found: list[bool] = []

    def wait_for_it() -> None:
        with state.locked(folder):
            found.append(folder.exists())

    with state.locked(folder):
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        waiting.join(0.2)
        assert not found
        folder.rmdir()
    waiting.join(30)
    assert found == [True]


def test_a_failure_while_holding_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), state.locked(tmp_path):
        (tmp_path / "none").read_text()


def test_where_no_folder_can_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "stack").touch()
    for impossible in (tmp_path / "stack", Path("/proc/stack")):
        with pytest.raises(StackError, match=f"{impossible} is not a folder"), state.locked(impossible):
            pass
