"""When nothing can be said about how a text was read."""

from __future__ import annotations

import pytest

from streamproc.errors import ErrorCode
from streamproc.scoring.unscorable import unscorable


@pytest.mark.parametrize(
    ("heard", "matched", "fits", "code"),
    [
        (20, 18, True, None),
        (20, 5, True, None),  # a line of it, and much else
        (20, 3, True, ErrorCode.TEXT_NOT_HEARD),  # a word or two, by chance
        (20, 5, False, ErrorCode.TEXT_NOT_HEARD),
        (20, 9, False, None),
        (2, 2, True, ErrorCode.NOTHING_HEARD),
        (0, 0, False, ErrorCode.NOTHING_HEARD),
        (5, 4, True, None),  # a quarter of it was read, and then no more
    ],
)
def test_the_reason(heard: int, matched: int, fits: bool, code: ErrorCode | None) -> None:
    assert unscorable(expected=20, heard=heard, matched=matched, fits=fits) is code
