"""The choice among endpoints, by itself and in a simulated crowd of workers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streamproc.inference.choice import choose


@dataclass
class Stand:
    """Stands in for an endpoint."""

    outstanding: float
    weight: float = 1.0
    most: float = 100.0

    def admits(self, seconds: float) -> bool:
        return self.outstanding + seconds <= self.most


STANDS = st.lists(st.builds(Stand, st.floats(0, 120), st.floats(0.05, 1.0), st.floats(0, 120)), max_size=6)


@given(stands=STANDS, seconds=st.floats(0.1, 40), seed=st.integers())
def test_only_who_admits_is_chosen_and_never_the_most_loaded_of_several(
    stands: list[Stand], seconds: float, seed: int
) -> None:
    able = [stand for stand in stands if stand.admits(seconds)]
    chosen = choose(stands, seconds, Random(seed))
    if chosen is None:
        assert not able
        return
    assert any(chosen is stand for stand in able)
    load = (chosen.outstanding + seconds) / chosen.weight
    others = [(stand.outstanding + seconds) / stand.weight for stand in able if stand is not chosen]
    assert not others or load <= max(others)


def test_two_that_are_equal_get_half_each() -> None:
    stands, random = [Stand(0), Stand(0)], Random(1)
    counts = Counter(id(choose(stands, 1, random)) for _ in range(1_000))
    assert all(400 < counts[id(stand)] < 600 for stand in stands)


def test_who_starts_slowly_gets_its_weight_s_share() -> None:
    stands, random = [Stand(0, 1.0, 1e9), Stand(0, 0.25, 1e9)], Random(1)
    for _ in range(1_000):
        chosen = choose(stands, 1.0, random)
        assert chosen is not None
        chosen.outstanding += 1.0
    assert stands[1].outstanding / stands[0].outstanding == 0.25


def test_many_workers_that_see_the_same_old_numbers_do_not_all_go_to_the_same() -> None:
    """Why two at random, and not the least of all: 100 workers choose before any of their work is seen."""
    stands, random = [Stand(float(load)) for load in range(5)], Random(1)
    counts = Counter(id(choose(stands, 1, random)) for _ in range(100))
    assert max(counts.values()) < 60


def test_it_balances_far_better_than_chance() -> None:
    """10,000 calls of one second each on 10 endpoints that never end: chance alone would be some 75 apart."""
    stands, random = [Stand(0, most=1e9) for _ in range(10)], Random(1)
    for _ in range(10_000):
        chosen = choose(stands, 1.0, random)
        assert chosen is not None
        chosen.outstanding += 1.0
    loads = [stand.outstanding for stand in stands]
    assert max(loads) - min(loads) <= 6
