"""30,000 events of 3 kB over a link of 2 MB/s, with the default timeout of a transaction: 45 s at least."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broker import Broker, broker
from support.holes import hole
from support.slow_link import commit_all

__all__ = ["broker"]


@hole("B7")
@pytest.mark.timeout(420)
def test_a_backlog_of_ninety_megabytes_is_committed_in_parts(broker: Broker, tmp_path: Path) -> None:
    commit_all(broker, tmp_path, events=30_000, rate=2e6, timeout=10.0, patience=360)
