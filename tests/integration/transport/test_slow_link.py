"""A backlog that the way to the brokers cannot carry within a transaction's timeout."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broker import Broker, broker
from support.holes import hole
from support.slow_link import commit_all

__all__ = ["broker"]


@hole("B7")
@pytest.mark.timeout(150)
def test_it_is_committed_in_parts(broker: Broker, tmp_path: Path) -> None:
    """6 MB at once would take 6 s, the timeout is 2 s."""
    commit_all(broker, tmp_path, events=2_000, rate=1e6, timeout=2.0, patience=100)
