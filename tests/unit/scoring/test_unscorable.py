"""When nothing can be said about how a text was read."""

from __future__ import annotations

import pytest

from streamproc.errors import ErrorCode
from streamproc.scoring.unscorable import unscorable


@pytest.mark.parametrize(
    ("heard", "matched", "fit", "code"),
    [
        (20, 18, -0.5, None),
        (20, 3, -2.9, None),  # it fits as a poor reading does
        (20, 4, -5.0, ErrorCode.TEXT_NOT_HEARD),
        (1, 1, -9.0, ErrorCode.NOTHING_HEARD),
        (0, 0, float("-inf"), ErrorCode.NOTHING_HEARD),
        (5, 4, -9.0, None),  # a quarter of it was read, and then no more
    ],
)
def test_the_reason(heard: int, matched: int, fit: float, code: ErrorCode | None) -> None:
    assert unscorable(expected=20, heard=heard, matched=matched, fit=fit, least_fit=-3.0) is code
