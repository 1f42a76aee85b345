"""When nothing can be said about how a text was read."""

from __future__ import annotations

import pytest

from streamproc.errors import ErrorCode
from streamproc.scoring.unscorable import unscorable


@pytest.mark.parametrize(
    ("heard", "matched", "lacking", "code"),
    [
        (20, 18, 0, None),
        (20, 5, 0, None),  # a line of it, and much else
        (20, 3, 0, ErrorCode.TEXT_NOT_HEARD),  # a word or two, by chance
        (20, 5, 0.1, ErrorCode.TEXT_NOT_HEARD),
        (20, 9, 0.1, None),
        (20, 9, 1.1, ErrorCode.TEXT_NOT_HEARD),  # another language, whose sounds are ours too
        (20, 11, 1.1, None),
        (2, 2, 0, ErrorCode.NOTHING_HEARD),
        (0, 0, 1.1, ErrorCode.NOTHING_HEARD),
        (5, 4, 0, None),  # a quarter of it was read, and then no more
    ],
)
def test_the_reason(heard: int, matched: int, lacking: float, code: ErrorCode | None) -> None:
    assert unscorable(expected=20, heard=heard, matched=matched, lacking=lacking, blurred=False) is code


def test_more_of_what_a_crowd_says_must_be_from_the_text_than_chance_finds() -> None:
    assert unscorable(expected=20, heard=20, matched=6, lacking=0, blurred=True) is ErrorCode.TEXT_NOT_HEARD
    assert unscorable(expected=20, heard=20, matched=6, lacking=0, blurred=False) is None
    assert unscorable(expected=20, heard=20, matched=8, lacking=0, blurred=True) is None


def test_a_wrong_word_of_two_is_a_wrong_word_however_badly_it_fits() -> None:
    assert unscorable(expected=5, heard=5, matched=2, lacking=2.0, blurred=False) is None
