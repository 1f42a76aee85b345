"""``streamproc lag``: what it prints is its answer and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from click.testing import CliRunner, Result

from streamproc.cli import cli
from streamproc.cli import lag as command
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.lag import Lag


@pytest.fixture(autouse=True)
def retries_that_are_told() -> Iterator[None]:
    """stamina as it is when nobody has configured it: it logs each retry, to standard output."""
    stamina.instrumentation.set_on_retry_hooks(None)
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


def after_retries(*_: Any) -> list[Lag]:
    """Stands in for a look at a Kafka that answers at the second attempt."""
    for attempt in stamina.retry_context(ConnectionError, attempts=2, wait_initial=0, wait_jitter=0):
        with attempt:
            if attempt.num == 1:
                raise ConnectionError("no broker")
    return [Lag("reading.activity.v1", 0, 7, 1.5, True)]


def test_json_is_json_though_kafka_had_to_be_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "lags", after_retries)
    told = CliRunner().invoke(cli, ["lag", "--json"])
    assert json.loads(told.stdout) == [
        {"topic": "reading.activity.v1", "partition": 0, "unfinished": 7, "oldest_s": 1.5, "exact": True}
    ]


def test_a_kafka_that_is_away_is_told_once_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> list[Lag]:
        after_retries()
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, "no broker")

    monkeypatch.setattr(command, "lags", away)
    told = CliRunner().invoke(cli, ["lag", "--json"])
    assert json.loads(told.stdout)["error"]["code"] == "KAFKA_UNAVAILABLE"
    assert told.exit_code == 2


def watching(monkeypatch: pytest.MonkeyPatch, *looks: BaseException | None) -> Result:
    """``streamproc lag --json --watch``, with what befalls each look; None: it is answered."""
    left = iter((*looks, KeyboardInterrupt()))

    def look(*_: Any) -> list[Lag]:
        if (trouble := next(left)) is not None:
            raise trouble
        return [Lag("reading.activity.v1", 0, 7, 1.5, True)]

    monkeypatch.setattr(command, "lags", look)
    monkeypatch.setattr(command, "_AGAIN_S", 0)
    return CliRunner().invoke(cli, ["lag", "--json", "--watch"])


def test_who_watches_is_told_that_kafka_went_away_and_sees_it_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told = watching(monkeypatch, None, StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, "no broker"), None)
    assert told.stderr.count("no broker") == 1
    assert [json.loads(line)[0]["unfinished"] for line in told.stdout.splitlines() if line.startswith("[")] == [7, 7]


@pytest.mark.parametrize("looks", [(), (None,)])
def test_what_waiting_will_not_mend_ends_the_watch(monkeypatch: pytest.MonkeyPatch, looks: tuple[None, ...]) -> None:
    code = ErrorCode.KAFKA_REFUSED if looks else ErrorCode.KAFKA_UNAVAILABLE
    told = watching(monkeypatch, *looks, StreamprocError(code, "no"), None, None)
    assert told.exit_code == 2
