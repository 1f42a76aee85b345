"""Odd sends and odd whole records, more of them than the integration tests have time for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.odd_sends import outcomes_of

SENDS = int(os.environ.get("FUZZ_SENDS", "5000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.timeout(900)
def test_every_odd_send_ends_in_one_outcome(kafka_bootstrap: str, tmp_path: Path) -> None:
    found = outcomes_of(kafka_bootstrap, tmp_path, guarantee="exactly_once", sends=SENDS, copies=SENDS // 2, seed=SEED)
    print(json.dumps({"sends": SENDS, "seed": SEED, "outcomes": found}))
