"""A subscriber is one member of its group: it has one iteration at a time. Kafka and the registry are stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from streamproc.client import Connection, ResultSubscriber, subscriber


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ResultSubscriber:
    """A subscriber to a topic that never ends."""

    @contextmanager
    def consumer(_: Any) -> Iterator[Any]:
        message = Mock(**{"error.return_value": None, "headers.return_value": [], "offset.return_value": 0})
        yield Mock(**{"poll.return_value": message, "consume.return_value": []})

    monkeypatch.setattr(ResultSubscriber, "_consumer", consumer)
    monkeypatch.setattr(ResultSubscriber, "_subscribe", Mock())
    monkeypatch.setattr(ResultSubscriber, "_result_of", AsyncMock(return_value=Mock(tenant="school")))
    monkeypatch.setattr(subscriber, "check_registry", AsyncMock())
    return ResultSubscriber(Connection(bootstrap_servers="127.0.0.1:1", registry_url="http://127.0.0.1:1"), "group")


def test_a_second_iteration_is_refused_while_one_is_open(results: ResultSubscriber) -> None:
    first = iter(results)
    next(first)
    with pytest.raises(RuntimeError, match="iterated over already"):
        next(iter(results))
    next(first)


def test_an_iteration_that_was_left_makes_room_for_the_next(results: ResultSubscriber) -> None:
    for _ in range(3):
        for _ in results:
            break


async def test_an_asynchronous_iteration_too(results: ResultSubscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        async for _ in results:
            break
    first = aiter(results)
    await anext(first)
    monkeypatch.setattr(subscriber, "_ENDS_SECONDS", 0.05)
    with pytest.raises(RuntimeError, match="iterated over already"):
        await anext(aiter(results))
    await first.aclose()  # type: ignore[attr-defined]
