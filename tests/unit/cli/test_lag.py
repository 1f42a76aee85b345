"""``streamproc lag``: what it prints is its answer and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from click.testing import CliRunner

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
