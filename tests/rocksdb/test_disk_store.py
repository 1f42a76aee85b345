"""A table's store on disk: as a dict, and after whatever ends the process, the disk's room or the folder's content."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.flight.state.restored import StoreInUse
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.kafka import disk_store
from streamproc.transport.kafka.disk_store import DiskStore, folder_of

POSITION = ChangelogPosition(Mark(1, (2, 3), 4), 5, 6.5)

keys = st.sampled_from([b"", b"\x00", b"\x00position", b"\x01", b"\xff\xff", b"key"]) | st.binary(max_size=3)
batches = st.lists(st.lists(st.tuples(keys, st.none() | st.binary(max_size=3))), max_size=6)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[DiskStore]:
    """A store that is closed afterwards."""
    store = DiskStore(folder)
    try:
        yield store
    finally:
        store.close()


@given(batches, st.integers(0, 6))
def test_it_is_as_one_in_memory_whenever_it_is_opened_again(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[bytes, bytes | None]]], cleared: int
) -> None:
    folder, plain = tmp_path_factory.mktemp("store"), MemoryStore()
    for number, batch in enumerate(batches):
        with opened(folder) as store:
            for one in (plain, store):
                if number == cleared:
                    one.clear()
                one.apply(batch, ChangelogPosition(POSITION.mark, number, 0.0) if number % 2 else None)
    with opened(folder) as store:
        assert list(store.items()) == sorted(plain.items())
        assert len(store) == len(plain)
        assert store.position == plain.position
        assert {key: store.get(key) for key, _ in plain.items()} == dict(plain.items())
        assert store.get(b"never written") is None


class Reading(RuleBasedStateMachine):
    """Reads and writes of a store that remembers little of them, against one in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store, self.plain = DiskStore(Path(self.folder.name)), MemoryStore()

    @rule(batch=st.lists(st.tuples(keys, st.none() | st.binary(max_size=300))), position=st.none() | st.just(POSITION))
    def apply(self, batch: list[tuple[bytes, bytes | None]], position: ChangelogPosition | None) -> None:
        self.store.apply(batch, position)
        self.plain.apply(batch, position)

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        assert self.store.get(key) == self.plain.get(key)

    @rule()
    def clear(self) -> None:
        self.store.clear()
        self.plain.clear()

    @invariant()
    def no_more_than_little_is_remembered(self) -> None:
        known = self.store._recent
        assert self.store._recent_bytes == sum(len(key) + len(value or b"") + 150 for key, value in known.items())
        assert self.store._recent_bytes <= disk_store._RECENT_BYTES

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


def test_what_is_remembered_is_what_is_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_store, "_RECENT_BYTES", 700)
    run_state_machine_as_test(Reading, settings=settings(max_examples=60))


def test_another_process_waits_for_it(tmp_path: Path) -> None:
    """And so does the same one: nobody works on what another one writes."""
    with opened(tmp_path):
        with pytest.raises(StoreInUse, match="is open elsewhere"):
            DiskStore(tmp_path)
        program = f"from rocksdict import Rdict, Options; Rdict({str(tmp_path)!r}, Options(raw_mode=True))"
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert "lock" in other.stderr
    with opened(tmp_path) as store:
        assert len(store) == 0


WRITER = """
import sys
from pathlib import Path
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.kafka import disk_store
from streamproc.transport.kafka.disk_store import DiskStore
store = DiskStore(Path(sys.argv[1]))
number = 0 if store.position is None else store.position.offset
while True:
    number += 1
    store.apply([(b"%d" % key, b"%d" % number) for key in range(50)], ChangelogPosition(Mark(1, (2, 3)), number, 0.0))
    if number % 100 == 0:
        print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_batches(tmp_path: Path) -> None:
    """Data and position are of one moment, and nothing that was written is missing."""
    last = 0
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(3)]
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(30)
        with opened(tmp_path) as store:
            assert store.position is not None
            number = store.position.offset
            assert number >= told[-1] > last
            assert dict(store.items()) == {b"%d" % key: b"%d" % number for key in range(50)}
            last = number


def test_a_full_disk_is_said_and_takes_nothing_of_the_batch(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: to RocksDB it is the same, a file that cannot grow."""
    program = """
import resource, signal, sys
from pathlib import Path
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.kafka import disk_store
from streamproc.transport.kafka.disk_store import DiskStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = DiskStore(Path(sys.argv[1]))
store.apply([(b"kept", b"1")], ChangelogPosition(Mark(1, (2, 3)), 1, 0.0))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
try:
    for number in range(2, 100):
        store.apply([(b"more", bytes(10_000))], ChangelogPosition(Mark(1, (2, 3)), number, 0.0))
except TransportError as error:
    print(error)
    print(number)
store.close()
"""
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "cannot be written" in run.stdout
    refused = int(run.stdout.splitlines()[-1])
    # When there is room again.
    with opened(tmp_path) as store:
        assert store.position is not None
        assert store.position.offset == refused - 1
        assert store.get(b"kept") == b"1"
        store.apply([(b"more", b"again")])


def test_a_damaged_store_is_built_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The changelog has what it held; that is told."""
    with opened(tmp_path) as store:
        store.apply([(b"a", b"1")], POSITION)
    (tmp_path / "CURRENT").write_text("MANIFEST-999999\n")
    for manifest in tmp_path.glob("MANIFEST-*"):
        manifest.write_bytes(b"\xff" * 100)
        manifest.rename(tmp_path / "MANIFEST-999999")
    with opened(tmp_path) as store:
        assert (store.position, len(store)) == (None, 0)
    assert "rebuilt from the changelog: it is damaged" in caplog.text


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TransportError, match="cannot be opened"):
        DiskStore(tmp_path / "file" / "table")


def test_each_partition_of_each_topic_has_a_folder(tmp_path: Path) -> None:
    assert folder_of(tmp_path, "counts", "events", 7) == tmp_path / "counts" / "events-7"
