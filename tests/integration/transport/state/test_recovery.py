"""A store is brought up to its changelog: what is committed below the end that was asked first, whatever lies there."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest
from faust.types import TP
from support.broker import Broker, broker
from support.changelog import Log, Restoring
from support.waiting import wait_for

from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.flight.state.position import Log as Described
from streamproc.transport.flight.state.restored import Changelog
from streamproc.transport.flight.state.store import MemoryStore, Write

__all__ = ["broker"]


def numbered(*numbers: int) -> list[Write]:
    """A write for each, under a key of its own."""
    return [(b"key-%d" % number, b"%d" % number) for number in numbers]


def test_an_empty_changelog_is_an_empty_store(kafka_bootstrap: str) -> None:
    """With nothing to wait for."""
    restoring = Restoring(Log(kafka_bootstrap)).begin().wait()
    assert restoring.content == {}
    assert restoring.store.position is not None
    assert restoring.store.position.offset == 0
    assert restoring.restored[0].stores == {"table": restoring.store}


def test_the_last_write_of_a_key_counts_and_a_tombstone_deletes(kafka_bootstrap: str) -> None:
    log = Log(kafka_bootstrap)
    log.commit([(b"a", b"1"), (b"b", b"1"), (b"c", b"")])
    log.commit([(b"a", b"2"), (b"b", None), (b"d", None)])
    restoring = Restoring(log).begin().wait()
    assert restoring.content == {b"a": b"2", b"c": b""}


@pytest.mark.parametrize("last", ["committed", "aborted"])
def test_markers_and_aborted_records_are_passed_over(kafka_bootstrap: str, last: str) -> None:
    """They have offsets and are no records: who counted, would wait for ever."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1, 2))
    log.commit([(b"key-1", b"aborted"), (b"key-9", b"aborted")], abort=True)
    log.commit(numbered(3), abort=last == "aborted")
    restoring = Restoring(log).begin().wait()
    assert restoring.content == dict(numbered(1, 2) if last == "aborted" else numbered(1, 2, 3))
    assert restoring.store.position is not None
    assert restoring.store.position.offset == 8  # five records, three markers


def test_a_dead_workers_open_transaction_is_waited_for(kafka_bootstrap: str) -> None:
    """Nobody knows what becomes of it. It ends the log for a reader of what is committed, and not the store."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    with log.open(numbered(2)) as dead:
        log.commit(numbered(3))
        restoring = Restoring(log).begin()
        wait_for(lambda: restoring.content == dict(numbered(1)), "what lies before it", 30)
        time.sleep(0.5)
        assert not restoring.done
        dead.commit_transaction(30)
    assert restoring.wait().content == dict(numbered(1, 2, 3))


def test_the_brokers_end_a_dead_workers_transaction(kafka_bootstrap: str) -> None:
    """When its time is over: then it has never been."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    with log.open(numbered(2), timeout_ms=2_000):
        assert Restoring(log).begin().wait(60).content == dict(numbered(1))


def test_what_is_written_after_the_assignment_is_not_waited_for(kafka_bootstrap: str) -> None:
    """Else a zombie that goes on writing could keep its successor from ever beginning."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    restoring = Restoring(log)
    describe = restoring.recovery._describe
    with ExitStack() as zombie:

        def then_a_zombie(tps: Sequence[TP]) -> dict[TP, Described]:
            answer = describe(tps)
            zombie.enter_context(log.open(numbered(2)))
            restoring.recovery._describe = describe
            return answer

        restoring.recovery._describe = then_a_zombie
        assert restoring.begin().wait().content == dict(numbered(1))


def test_a_store_reads_on_where_it_stands(kafka_bootstrap: str, caplog: pytest.LogCaptureFixture) -> None:
    log = Log(kafka_bootstrap)
    log.commit(numbered(1, 2))
    restoring = Restoring(log).begin().wait()
    restoring.store.apply([(b"key-1", b"kept")], restoring.store.position)
    log.commit(numbered(3))
    with caplog.at_level(logging.INFO):
        assert Restoring(log, restoring.store).begin().wait().content == dict([*numbered(2, 3), (b"key-1", b"kept")])
    assert "rebuilt" not in caplog.text


def test_a_topic_that_was_made_anew_is_read_from_its_start(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the same name, and is as long: only its id tells."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1, 2))
    store = Restoring(log).begin().wait().store
    log.delete()
    log.make()
    log.commit(numbered(7, 8, 9))
    assert Restoring(log, store).begin().wait().content == dict(numbered(7, 8, 9))
    assert "rebuilt from the changelog's start: the changelog was deleted and made anew" in caplog.text


def test_a_log_that_begins_later_now_is_read_from_its_start(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(kafka_bootstrap, **{"cleanup.policy": "compact,delete"})
    log.commit(numbered(1))
    store = Restoring(log).begin().wait().store
    log.commit(numbered(2, 3))
    log.delete_below(3)
    assert Restoring(log, store).begin().wait().content == dict(numbered(3))
    assert "it stands at 2, and the changelog begins at 3" in caplog.text


def test_a_store_that_was_away_longer_than_tombstones_stay_is_rebuilt(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was deleted meanwhile would live for ever in it."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    store = Restoring(log).begin().wait().store
    assert store.position is not None
    store.apply([(b"dead", b"long ago")], replace(store.position, since=time.time() - 86_500))
    assert Restoring(log, store).begin().wait().content == dict(numbered(1))
    assert "the changelog forgets deletions after 86400 s" in caplog.text


def test_a_store_that_is_ahead_of_its_log_is_rebuilt(kafka_bootstrap: str, caplog: pytest.LogCaptureFixture) -> None:
    """An unclean election has lost the log's end: what it held was promised to nobody."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    store = Restoring(log).begin().wait().store
    assert store.position is not None
    store.apply([(b"lost", b"1")], replace(store.position, offset=5))
    assert Restoring(log, store).begin().wait().content == dict(numbered(1))
    assert "it stands at 5, and the changelog ends at 2" in caplog.text


def test_a_store_that_does_not_know_where_it_stands_is_rebuilt(kafka_bootstrap: str) -> None:
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    store = MemoryStore()
    store.apply([(b"whence", b"?")])
    assert Restoring(log, store).begin().wait().content == dict(numbered(1))


def test_a_partition_that_is_revoked_meanwhile_is_given_up(kafka_bootstrap: str) -> None:
    """Its store is closed, and nobody is told that it is ready; the next assignment begins anew."""
    log = Log(kafka_bootstrap)
    closed = []

    class Closing(MemoryStore):
        def close(self) -> None:
            closed.append(True)
            super().close()

    with log.open(numbered(1)) as dead:
        restoring = Restoring(log, Closing()).begin()
        wait_for(lambda: restoring.recovery.progress, "the reading", 30)
        restoring.wanted = False
        wait_for(lambda: closed, "the store's end", 30)
        wait_for(lambda: not restoring.recovery.progress, "the reading's end", 30)
        assert not restoring.done
        dead.commit_transaction(30)
    restoring.wanted = True
    assert restoring.begin().wait().content == dict(numbered(1))


def test_records_that_are_deleted_while_they_are_read(kafka_bootstrap: str) -> None:
    """The reader stands outside the log then: it begins anew with what is left."""
    log = Log(kafka_bootstrap, **{"cleanup.policy": "compact,delete"})
    log.commit(numbered(*range(100)))
    restoring = Restoring(log)
    describe = restoring.recovery._describe
    asked: list[int] = []

    def describing(tps: Sequence[TP]) -> dict[TP, Described]:
        answer = describe(tps)
        if not asked:
            log.delete_below(50)
        asked.append(1)
        return answer

    restoring.recovery._describe = describing
    assert restoring.begin().wait().content == dict(numbered(*range(50, 100)))
    assert len(asked) > 1


def test_a_topic_that_is_made_anew_while_it_is_read(kafka_bootstrap: str) -> None:
    log = Log(kafka_bootstrap)
    log.commit(numbered(1, 2))
    restoring = Restoring(log)
    describe = restoring.recovery._describe
    asked: list[int] = []

    def describing(tps: Sequence[TP]) -> dict[TP, Described]:
        answer = describe(tps)
        if not asked:
            log.delete()
            log.make()
            log.commit(numbered(7, 8, 9))
            wait_for(lambda: describe(tps)[tps[0]].mark != answer[tps[0]].mark, "the new one", 30)
        asked.append(1)
        return answer

    restoring.recovery._describe = describing
    assert restoring.begin().wait(60).content == dict(numbered(7, 8, 9))


def test_a_topic_that_is_made_anew_while_a_transaction_is_waited_for(kafka_bootstrap: str) -> None:
    """The new one may never be as long as the old one was."""
    log = Log(kafka_bootstrap)
    with log.open(numbered(1, 2, 3)):
        restoring = Restoring(log).begin()
        wait_for(lambda: restoring.recovery.progress, "the reading", 30)
        log.delete()
    log.make()
    log.commit(numbered(7))
    assert restoring.wait(60).content == dict(numbered(7))


def test_a_changelog_that_is_deleted_stops_the_worker(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to recover from: that is said, not worked on with empty tables."""
    monkeypatch.setattr("streamproc.transport.kafka.changelogs._MISSING_S", 0.5)
    log = Log(kafka_bootstrap)
    log.write(numbered(1))
    restoring = Restoring(log)
    describe = restoring.recovery._describe

    def describing(tps: Sequence[TP]) -> dict[TP, Described]:
        answer = describe(tps)
        restoring.recovery._describe = describe
        log.delete()
        return answer

    restoring.recovery._describe = describing
    restoring.begin()
    wait_for(lambda: restoring.crashes, "the worker's end", 60)
    assert "There is no such topic: the changelog" in str(restoring.crashes[0])


def test_several_tables_are_waited_for_together(kafka_bootstrap: str) -> None:
    """And each partition by itself: one that waits holds no other back."""
    first, second = Log(kafka_bootstrap), Log(kafka_bootstrap)
    first.commit(numbered(1))
    with second.open(numbered(2)) as dead:
        both, other = Restoring(first), Restoring(Log(kafka_bootstrap))
        stores = {"one": MemoryStore(), "two": MemoryStore()}
        tables = [
            Changelog("one", first.tp, lambda: stores["one"]),
            Changelog("two", second.tp, lambda: stores["two"]),
        ]
        both.recovery.restore(tables, lambda: True, both.is_restored)
        other.recovery = both.recovery
        other.begin().wait()
        assert not both.done
        dead.commit_transaction(30)
    assert both.wait().restored[0].stores == stores
    assert {name: dict(store.items()) for name, store in stores.items()} == {
        "one": dict(numbered(1)),
        "two": dict(numbered(2)),
    }


def test_a_compacted_changelog_has_holes(broker: Broker) -> None:
    """The cleaner leaves of two hundred writes the last of each key."""
    log = Log(broker.direct)
    for first in range(0, 200, 20):
        log.commit([(b"key-%d" % (number % 3), b"%d" % number + bytes(30_000)) for number in range(first, first + 20)])
    log.commit([(b"key-0", None)])
    expected = {b"key-%d" % key: b"%d" % number + bytes(30_000) for key, number in ((1, 199), (2, 197))}

    class Counting(MemoryStore):
        read = 0

        def apply(self, writes: Iterable[Write], position: ChangelogPosition | None = None) -> None:
            writes = list(writes)
            self.read += len(writes)
            super().apply(writes, position)

    def cleaned() -> bool:
        store = Counting()
        assert Restoring(log, store).begin().wait().content == expected
        return store.read < 100

    wait_for(cleaned, "the cleaner", 60)
