"""What users of Faust's own tables report (github.com/faust-streaming/faust/issues), tried on this driver's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support import counting_worker
from support.changelog import Log, Restoring
from support.feeding import feed
from support.fleet import Fleet
from support.plan import new_plan
from support.waiting import wait_for

from streamproc.transport.flight.state.restored import Changelog, StoreInUse
from streamproc.transport.flight.state.store import MemoryStore, Store, Write

from .test_tables import CountJudge


def numbered(*numbers: int) -> list[Write]:
    """A write for each, under a key of its own."""
    return [(b"key-%d" % number, b"%d" % number) for number in numbers]


class LockedStore:
    """A store's place that only one may have open, as a folder of RocksDB's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: How often somebody tried, whether or not it was open.
        self.tries = 0

    def open(self) -> Store:
        """Open it.

        Raises:
            StoreInUse: somebody has it open.
        """
        self.tries += 1
        if not self._lock.acquire(blocking=False):
            raise StoreInUse("somebody has it open")
        return _Locked(self._lock.release)


class _Locked(MemoryStore):
    def __init__(self, release: Callable[[], None]) -> None:
        super().__init__()
        self._release = release

    def close(self) -> None:
        self._release()
        super().close()


def restoring(log: Log, place: LockedStore) -> Restoring:
    """A worker that restores this store."""
    return Restoring(log, changelog=Changelog("table", log.tp, place.open))


def test_73_a_recovery_is_not_held_up_by_events_that_wait(kafka_bootstrap: str, tmp_path: Path) -> None:
    """There: a stream's buffer that is full while tables are read stops the reading, and nothing empties the buffer.

    Here little is let in (20 events), thousands wait in all partitions, and the worker that comes back has a changelog
    to read for each of them.
    """
    plan = new_plan(kafka_bootstrap, "issue73", {"max_in_flight": 20}, work=0.0)
    feed(kafka_bootstrap, plan.source, range(2_000), keys=40)
    judge = CountJudge(plan)
    with Fleet(plan, tmp_path, script=Path(counting_worker.__file__)) as fleet:
        fleet.start("a")
        judge.wait_for(500, 60, fleet.check_alive)
        fleet.kill("a")
        fleet.start("a")
        judge.wait_for(2_000, 90, fleet.check_alive)
        assert fleet.logged("records read to") > 0, "a changelog was read"
        fleet.stop("a")
    judge.check(2_000)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_155_the_last_records_of_a_log_that_begins_late_are_read(kafka_bootstrap: str, kept: int) -> None:
    """There: the start is one too low and the end one too high, so that a partition with one record, or with none but
    a later start, waits for ever ("No event received … since recovery start")."""
    log = Log(kafka_bootstrap, **{"cleanup.policy": "compact,delete"})
    log.write(numbered(1, 2, 3, 4))
    log.delete_below(4 - kept)
    assert Restoring(log).begin().wait().content == dict(numbered(*range(5 - kept, 5)))


def test_176_a_log_whose_end_was_cleaned_is_read_to_its_end(kafka_bootstrap: str) -> None:
    """There: the last record before the end that was asked is gone (compacted, or a marker), and is waited for.

    A transaction of one key that was aborted leaves nothing but holes and a marker at the end; and the store from
    before stands below the log's start.
    """
    log = Log(kafka_bootstrap, **{"cleanup.policy": "compact,delete"})
    log.commit(numbered(1))
    before = Restoring(log).begin().wait()
    log.commit(numbered(2))
    log.commit(numbered(3))
    log.commit(numbered(4), abort=True)
    log.delete_below(4)
    assert Restoring(log).begin().wait().content == dict(numbered(3))
    assert Restoring(log, before.store).begin().wait().content == dict(numbered(3))


def test_91_the_store_of_a_partition_that_is_gone_is_not_opened_again(kafka_bootstrap: str) -> None:
    """There: a worker tries to open the stores of its old partitions, times out and crashes."""
    log, place = Log(kafka_bootstrap), LockedStore()
    log.commit(numbered(1))
    successor = place.open()
    old = restoring(log, place).begin()
    wait_for(lambda: place.tries > 2, "the worker to try", 30)
    old.wanted = False
    wait_for(lambda: not old.recovery._running, "the end of the recovery", 30)
    tries = place.tries
    assert not old.done
    assert not old.crashes
    successor.close()
    assert place.tries == tries, "nobody tried again"
    old.wanted = True
    old.begin().wait()
    [stores] = [restored.stores for restored in old.restored]
    assert dict(stores["table"].items()) == dict(numbered(1))


def test_92_a_partition_waits_for_the_worker_that_has_its_store_open(kafka_bootstrap: str) -> None:
    """There: it is worked on without the store, and the worker crashes at the first access."""
    log, place = Log(kafka_bootstrap), LockedStore()
    log.commit(numbered(1))
    predecessor = place.open()
    new = restoring(log, place).begin()
    wait_for(lambda: place.tries > 2, "the worker to try", 30)
    assert not new.done
    predecessor.close()
    new.wait()
    [restored] = new.restored
    assert dict(restored.stores["table"].items()) == dict(numbered(1))


def test_212_a_standby_is_followed_on_when_the_workers_own_partitions_are_ready(kafka_bootstrap: str) -> None:
    """There: what comes to a standby after the log says "Worker ready" never gets into the table."""
    mine, others = Log(kafka_bootstrap), Log(kafka_bootstrap)
    mine.commit(numbered(1))
    others.commit(numbered(10))
    worker = Restoring(mine, standby=True)
    store = MemoryStore()
    worker.recovery.follow([Changelog("table", others.tp, lambda: store)])
    worker.begin().wait()
    others.commit(numbered(11))
    mine.commit(numbered(2))
    others.write(numbered(12))
    wait_for(partial(_holds, store, numbered(10, 11, 12)), "what came later", 30)
    assert worker.content == dict(numbered(1)), "its own is written by its events alone"
    worker.stopped = True
    wait_for(lambda: not worker.recovery._running, "the thread's end", 30)


def _holds(store: Store, writes: list[Write]) -> bool:
    return dict(store.items()) == dict(writes)
