"""How long an event waits for its next delivery after agents have raised on it."""

from __future__ import annotations

import pytest
from support.holes import hole

from streamproc.transport import TransportSettings


def test_it_doubles_up_to_a_minute() -> None:
    settings = TransportSettings(retry_backoff=0.5)
    assert [settings.retry_delay(attempts) for attempts in (1, 2, 3, 8, 9)] == [0.5, 1.0, 2.0, 60.0, 60.0]


@hole("B8")
@pytest.mark.parametrize("attempts", [1_024, 1_025, 2_000, 10**9])
@pytest.mark.parametrize("first", [1e-12, 0.5, 1e300])
def test_however_often_an_event_fails_it_is_tried_again(first: float, attempts: int) -> None:
    assert TransportSettings(retry_backoff=first).retry_delay(attempts) == 60.0
