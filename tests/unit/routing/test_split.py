"""The canary's learners: a share of them, always the same ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamproc.routing.split import in_canary, place

LEARNERS = [f"learner-{number}" for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_a_share_of_the_learners_is_a_share_of_them(share: float) -> None:
    counted = sum(in_canary(learner, share) for learner in LEARNERS) / len(LEARNERS)
    assert counted == pytest.approx(share, abs=4 * (share * (1 - share) / len(LEARNERS)) ** 0.5)


def test_all_are_in_a_canary_of_all_and_the_bounds_are_kept() -> None:
    assert all(in_canary(learner, 1.0) for learner in LEARNERS)
    assert all(0 <= place(learner) < 1 for learner in [*LEARNERS, "", "\ud800", "漢字"])


def test_a_canary_that_grows_keeps_its_learners() -> None:
    small = {learner for learner in LEARNERS if in_canary(learner, 0.05)}
    assert small < {learner for learner in LEARNERS if in_canary(learner, 0.1)}


def test_every_process_has_the_same_learners() -> None:
    code = "from streamproc.routing.split import place; print(place('learner-4711'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(told) == place("learner-4711") == 0.6615046178398598
