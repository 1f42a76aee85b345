"""What holds for all sequences and all costs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aligner_mypyc import Aligner, CostModel, Inventory, expand, lengths

from .oracle import align as textbook
from .test_aligner import replayed

INVENTORY = Inventory(list("abcdef"))
UNIT = Aligner(CostModel(INVENTORY, insertion=1, deletion=1))

sequences = st.lists(st.integers(0, 5), max_size=140).map(bytes) | st.integers(0, 140).map(lambda n: bytes([1]) * n)
short = st.lists(st.integers(0, 5), max_size=25).map(bytes)


@st.composite
def cost_models(draw: st.DrawFn) -> CostModel:
    most = draw(st.sampled_from([3, 120, 127, 400]))
    rows = draw(st.lists(st.lists(st.integers(0, 2 * most), min_size=6, max_size=6), min_size=6, max_size=6))
    matrix = [[0 if e == h else cost for h, cost in enumerate(row)] for e, row in enumerate(rows)]
    gaps = st.integers(1, most) | st.lists(st.integers(1, most), min_size=6, max_size=6)
    return CostModel(INVENTORY, matrix, draw(gaps), draw(gaps))


def distance(aligner: Aligner, ref: bytes, hyp: bytes) -> int:
    found = aligner.distance(ref, hyp)
    assert found is not None
    return found


@given(sequences)
def test_identity(ref: bytes) -> None:
    assert UNIT.distance(ref, ref) == 0
    assert UNIT.align(ref, ref) == bytes(len(ref))


@given(sequences, sequences)
def test_distance_is_symmetric(ref: bytes, hyp: bytes) -> None:
    assert UNIT.distance(ref, hyp) == UNIT.distance(hyp, ref)


@given(sequences, sequences, sequences)
def test_triangle_inequality(a: bytes, b: bytes, c: bytes) -> None:
    assert distance(UNIT, a, c) <= distance(UNIT, a, b) + distance(UNIT, b, c)


@given(sequences, sequences, sequences, sequences)
def test_a_concatenation_costs_at_most_its_parts(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    assert distance(UNIT, a + c, b + d) <= distance(UNIT, a, b) + distance(UNIT, c, d)


@given(cost_models(), sequences, sequences)
@settings(max_examples=150, deadline=None)
def test_operations_replay_to_the_heard_and_sum_to_the_distance(costs: CostModel, ref: bytes, hyp: bytes) -> None:
    aligner = Aligner(costs)
    ops = aligner.align(ref, hyp)
    assert replayed(ref, hyp, ops) == hyp
    assert lengths(ops) == (len(ref), len(hyp))
    assert len(expand(ops)) == len(ops)
    assert costs.cost(ref, hyp, ops) == aligner.distance(ref, hyp)


@given(cost_models(), short, short)
@settings(max_examples=150, deadline=None)
def test_any_costs_give_the_textbook_path(costs: CostModel, ref: bytes, hyp: bytes) -> None:
    assert Aligner(costs).align(ref, hyp) == textbook(costs, ref, hyp)[1]


@given(cost_models(), sequences, sequences, st.integers(0, 3000))
@settings(max_examples=150, deadline=None)
def test_the_cutoff_is_consistent(costs: CostModel, ref: bytes, hyp: bytes, cutoff: int) -> None:
    aligner = Aligner(costs)
    exact = distance(aligner, ref, hyp)
    assert aligner.distance(ref, hyp, cutoff=cutoff) == (exact if exact <= cutoff else None)
