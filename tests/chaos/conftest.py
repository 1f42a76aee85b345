"""A Kafka for this folder alone, and the ways of feeding a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.broker import broker
from support.feeding import Feeding

__all__ = ["broker", "feeding"]


@pytest.fixture(params=["filled", "live"])
def feeding(request: pytest.FixtureRequest) -> Iterator[Feeding]:
    """Each run twice: with all its input there before anything is killed, and with the log growing meanwhile."""
    one = Feeding(live=request.param == "live")
    try:
        yield one
    finally:
        one.end()
