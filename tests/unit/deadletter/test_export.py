"""An export writes a file of its own: never through what somebody has put in its way."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Message
from support.holes import hole

from streamproc.cli import cli
from streamproc.deadletter.export import NoRegularFile, export, is_there
from streamproc.deadletter.ledger import LetterLedger
from streamproc.deadletter.letters import Letter

pytestmark = hole("F3")


def letters(count: int = 2) -> Iterator[Letter]:
    for offset in range(count):
        yield Letter(Message(topic="x.dlq", partition=0, offset=offset, key=b"k", value=b"secret", headers=[]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def link(path: Path) -> None:
    path.symlink_to(path.with_name("theirs"))


def dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


IN_THE_WAY: list[Callable[[Path], None]] = [link, dangling_link, os.mkfifo, Path.mkdir, listening]


@pytest.mark.parametrize("put", IN_THE_WAY)
def test_what_is_no_regular_file_is_neither_followed_nor_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs, path = Path("theirs"), Path("letters.jsonl")
    theirs.write_text("theirs")
    put(path)
    before = path.lstat()
    with pytest.raises(NoRegularFile):
        is_there(path)
    with pytest.raises(NoRegularFile):
        export(letters(), LetterLedger(), path)
    assert theirs.read_text() == "theirs"
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert names(tmp_path) == ["letters.jsonl", "theirs"]


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(NoRegularFile):
        is_there(Path("/dev/null"))


def test_what_waits_under_a_foreseeable_name_is_not_touched(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    waiting = tmp_path / ".letters.jsonl.part"
    waiting.symlink_to(theirs)
    assert export(letters(), LetterLedger(), tmp_path / "letters.jsonl") == 2
    assert theirs.read_text() == "theirs"
    assert waiting.is_symlink()


def test_a_file_is_replaced_by_one_of_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text("older")
    path.chmod(0o666)
    other = tmp_path / "other"
    other.hardlink_to(path)
    assert export(letters(), LetterLedger(), path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert other.read_text() == "older", "it was written through a second name"
    assert names(tmp_path) == ["letters.jsonl", "other"]


def test_what_fails_half_way_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    def failing() -> Iterator[Letter]:
        yield from letters()
        raise OSError("Kafka is gone")

    path = tmp_path / "letters.jsonl"
    path.write_text("older")
    with pytest.raises(OSError, match="gone"):
        export(failing(), LetterLedger(), path)
    assert path.read_text() == "older"
    assert names(tmp_path) == ["letters.jsonl"]


def command(*arguments: str, answer: str | None = None) -> Result:
    # Nothing listens there: whoever is asked first, is not Kafka.
    return CliRunner().invoke(cli, ["dlq", "export", *arguments], input=answer)


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text("older")
    for arguments in ((str(path),), (str(path), "--json")):
        refused = command(*arguments, answer="y\n")
        assert refused.exit_code == 2, "nobody sits at a pipe"
        assert "--force" in refused.output
    assert path.read_text() == "older"


def test_a_target_that_is_no_file_is_wrong_usage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused = command(str(tmp_path / "pipe"), "--force")
    assert refused.exit_code == 2
    assert "no regular file" in refused.stderr
