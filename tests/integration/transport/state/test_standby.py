"""A worker that follows every changelog has next to nothing to read when a partition becomes its own."""

from __future__ import annotations

import time

from support.changelog import Log, Restoring
from support.waiting import wait_for

from streamproc.transport.flight.state.restored import Changelog
from streamproc.transport.flight.state.store import MemoryStore, Write

KEYS = 50_000


def numbered(*numbers: int) -> list[Write]:
    """A write for each, under a key of its own."""
    return [(b"key-%d" % number, b"%d" % number) for number in numbers]


def following(log: Log) -> Restoring:
    """A worker whose partition is another's, up to date."""
    restoring = Restoring(log, standby=True)
    restoring.recovery.follow([restoring.changelog])
    wait_for(lambda: log.tp in restoring.recovery.standbys, "the standby", 30)
    return restoring


def end(restoring: Restoring) -> None:
    """The worker stops."""
    restoring.stopped = True
    wait_for(lambda: not restoring.recovery._running, "the thread's end", 30)


def test_it_follows_what_is_committed_and_says_how_far_it_is_behind(kafka_bootstrap: str) -> None:
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    restoring = following(log)
    wait_for(lambda: restoring.content == dict(numbered(1)), "what was there", 30)
    log.commit(numbered(2))
    log.commit(numbered(3), abort=True)
    wait_for(lambda: restoring.content == dict(numbered(1, 2)), "what has come", 30)
    wait_for(lambda: restoring.recovery.standbys[log.tp].lag == 0, "no lag", 30)
    with log.open(numbered(4)):
        wait_for(lambda: restoring.recovery.standbys[log.tp].lag > 0, "the lag", 30)
        assert restoring.content == dict(numbered(1, 2))
    end(restoring)


def test_it_takes_over_within_two_seconds(kafka_bootstrap: str) -> None:
    """However much there is; and what its predecessor wrote last is there."""
    log = Log(kafka_bootstrap)
    log.write(numbered(*range(KEYS)))
    restoring = following(log)
    wait_for(lambda: len(restoring.store) == KEYS, "all of it", 60)
    log.commit([(b"last", b"1")])
    began = time.monotonic()
    assert restoring.begin().wait().content[b"last"] == b"1"
    assert time.monotonic() - began < 2.0
    assert restoring.recovery.standbys == {}
    end(restoring)


def test_it_waits_for_an_open_transaction_as_any_recovery(kafka_bootstrap: str) -> None:
    log = Log(kafka_bootstrap)
    restoring = following(log)
    with log.open(numbered(1)) as dead:
        restoring.begin()
        wait_for(lambda: restoring.recovery.progress, "the recovery", 30)
        time.sleep(0.5)
        assert not restoring.done
        dead.commit_transaction(30)
    assert restoring.wait().content == dict(numbered(1))
    end(restoring)


def test_a_partition_that_is_given_up_is_followed_on(kafka_bootstrap: str) -> None:
    """From where the store stands: nothing is read twice but what was written since it was noted."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    restoring = following(log).begin().wait()
    restoring.store.apply(numbered(2))
    log.commit(numbered(2))
    restoring.restored[0].close()
    log.commit(numbered(3))
    wait_for(lambda: restoring.content == dict(numbered(1, 2, 3)), "its successor's", 30)
    assert restoring.begin().wait().content == dict(numbered(1, 2, 3))
    end(restoring)


def test_a_topic_that_is_made_anew_is_followed_from_its_start(kafka_bootstrap: str) -> None:
    """When it becomes this worker's; or sooner, when the worker looks."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1, 2))
    restoring = following(log)
    wait_for(lambda: len(restoring.store) == 2, "all of it", 30)
    log.delete()
    log.make()
    log.commit(numbered(7))
    assert restoring.begin().wait(60).content == dict(numbered(7))
    end(restoring)


def test_a_store_that_was_followed_for_another_topic_is_not_taken(kafka_bootstrap: str) -> None:
    """Each topic's store is open once: who needs it would wait for ever."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    mine, others = MemoryStore(), MemoryStore()
    followed = Changelog("table", log.tp, lambda: others, place="tables/table/one-0")
    restoring = Restoring(log, mine, Changelog("table", log.tp, lambda: mine, place="tables/table/two-0"), standby=True)
    restoring.recovery.follow([followed])
    wait_for(lambda: len(others) == 1, "the standby", 30)
    assert restoring.begin().wait().content == dict(numbered(1))
    assert restoring.restored[0].stores["table"] is mine
    assert restoring.recovery.standbys == {}
    end(restoring)


def test_what_a_standby_held_is_kept_by_who_gives_up_a_recovery(kafka_bootstrap: str) -> None:
    """A partition that is revoked before it was ready goes on to be followed, its store open."""
    log = Log(kafka_bootstrap)
    log.commit(numbered(1))
    restoring = following(log)
    wait_for(lambda: len(restoring.store) == 1, "all of it", 30)
    with log.open(numbered(2)) as dead:
        restoring.begin()
        wait_for(lambda: restoring.recovery.progress, "the recovery", 30)
        restoring.wanted = False
        wait_for(lambda: log.tp in restoring.recovery.standbys, "the standby", 30)
        assert isinstance(restoring.store, MemoryStore)
        assert restoring.content == dict(numbered(1))
        dead.commit_transaction(30)
    wait_for(lambda: restoring.content == dict(numbered(1, 2)), "what has come", 30)
    end(restoring)
