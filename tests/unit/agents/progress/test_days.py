"""Days of reading, in whatever order they become known, against a plain set of them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from streamproc.agents.progress.days import KEPT, Days

DAY = 86_400_000_000


def known(days: list[int]) -> Days:
    found = Days()
    for day in days:
        found.add(day * DAY + 5)
    return found


@given(st.lists(st.integers(0, 800), min_size=1, max_size=60), st.randoms())
def test_a_streak_is_the_days_in_a_row_up_to_the_last_whatever_the_order(days: list[int], order: random.Random) -> None:
    streak = 0
    while streak < KEPT and max(days) - streak in days:
        streak += 1
    shuffled = order.sample(days, len(days))
    assert known(days) == known(shuffled)
    assert known(days).streak == streak
    assert known(days).last == max(days)


def test_a_year_in_a_row_is_all_that_is_known() -> None:
    assert known(list(range(2 * KEPT))).streak == KEPT
    assert known([0, 20_000_000]).mask == 1


def test_the_last_day_is_told_as_a_date() -> None:
    assert known([20_000]).last_day == "2024-10-04"
    assert Days().last_day == ""
    assert Days().streak == 0
