"""A store on disk and its changelog on a real Kafka: what is read again, and what need not be."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest
from support.changelog import Log, Restoring
from support.waiting import wait_for

from streamproc.transport.flight.state.restored import Changelog
from streamproc.transport.kafka.disk_store import DiskStore


def restoring(log: Log, folder: Path) -> Restoring:
    """A worker with its table there."""
    return Restoring(log, changelog=Changelog("table", log.tp, partial(DiskStore, folder)))


def content(folder: Path) -> dict[bytes, bytes]:
    """What the table holds."""
    store = DiskStore(folder)
    try:
        return dict(store.items())
    finally:
        store.close()


def test_a_worker_that_comes_back_reads_only_what_is_new(
    kafka_bootstrap: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(kafka_bootstrap)
    log.commit([(b"a", b"1"), (b"b", b"1")])
    restoring(log, tmp_path).begin().wait().restored[0].close()
    log.commit([(b"b", None), (b"c", b"2")])
    with caplog.at_level(logging.INFO):
        restoring(log, tmp_path).begin().wait().restored[0].close()
    assert "reading from 3 to 6" in caplog.text
    assert "rebuilt" not in caplog.text
    assert content(tmp_path) == {b"a": b"1", b"c": b"2"}


def test_a_store_that_its_predecessor_has_open_is_waited_for(
    kafka_bootstrap: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In a rebalance the one before may still be closing it; and that is said when it takes long."""
    log = Log(kafka_bootstrap)
    log.commit([(b"a", b"1")])
    before = DiskStore(tmp_path)
    after = restoring(log, tmp_path).begin()
    wait_for(lambda: "is open elsewhere, waiting for it" in caplog.text, "the warning", 30)
    assert not after.done
    before.close()
    after.wait().restored[0].close()
    assert content(tmp_path) == {b"a": b"1"}


def test_a_store_of_a_topic_that_was_made_anew_keeps_nothing(
    kafka_bootstrap: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(kafka_bootstrap)
    log.commit([(b"a", b"1"), (b"b", b"1")])
    restoring(log, tmp_path).begin().wait().restored[0].close()
    log.delete()
    log.make()
    log.commit([(b"c", b"1"), (b"d", b"1")])
    restoring(log, tmp_path).begin().wait().restored[0].close()
    assert "the changelog was deleted and made anew" in caplog.text
    assert content(tmp_path) == {b"c": b"1", b"d": b"1"}
