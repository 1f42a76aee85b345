"""What the bands leave out, they bound correctly."""

from __future__ import annotations

import pytest
from rapidfuzz.distance import Levenshtein

from aligner_mypyc import CostModel
from aligner_mypyc.banded import FAR, fill_band
from aligner_mypyc.strips import fill_strips, mark_strips
from aligner_mypyc.workspace import Workspace

from . import cases, oracle

PAIRS = [(ref, hyp) for ref, hyp in cases.pairs(400, 300, seed=5) if len(ref) > 30]


@pytest.mark.parametrize("keep_path", [True, False])
def test_a_path_outside_of_the_strips_costs_at_least_what_they_say(keep_path: bool) -> None:
    costs = CostModel(cases.SYMBOLS, insertion=1, deletion=1)
    certain = 0
    for ref, hyp in PAIRS:
        best = Levenshtein.distance(ref, hyp)
        work = Workspace(40)
        mark_strips(work, costs, ref, 0, len(ref))
        for limit in (*range(max(best - 12, 0), best + 3), best // 2, -1):
            found = fill_strips(work, 40, len(ref), hyp, 0, len(hyp), limit, keep_path)
            assert found >= best
            assert found == best or work.left_out <= best
            assert limit < best or found == best < work.left_out
            certain += found < work.left_out
    assert certain > len(PAIRS)


def test_a_weighted_band_holds_every_path_up_to_its_limit() -> None:
    costs = cases.models()["cells"]
    for ref, hyp in PAIRS[:60]:
        rows = costs.rows(ref)
        best = oracle.align(costs, ref, hyp)[0]
        work = Workspace(40)
        for limit in (0, best // 2, best - 1, best, best + 1, 2 * best):
            found = fill_band(work, costs, rows, hyp, 0, len(ref), len(hyp), limit, False)
            assert found == best if limit >= best else found > limit or found >= FAR
