"""The aligner against the textbook, on random pairs under several cost models."""

from __future__ import annotations

import random

import pytest

from aligner_mypyc import Accepted, Aligner, CostModel, Inventory, expand, project

from . import oracle

SYMBOLS = Inventory([f"s{number}" for number in range(40)])


def matrix(seed: int) -> list[list[int]]:
    draw = random.Random(seed)
    return [[0 if e == h else draw.randint(20, 120) for h in range(40)] for e in range(40)]


MODELS = {
    "unit": CostModel(SYMBOLS),
    "accepted free": CostModel(SYMBOLS, accepted=[Accepted("s1", "s2", 0, "r"), Accepted("s3", "s4", 0, "r")]),
    "weighted": CostModel(SYMBOLS, matrix(1)),
    "wide": CostModel(SYMBOLS, [[cost * 60 for cost in row] for row in matrix(2)], 5000, 4000),
    "uneven gaps": CostModel(SYMBOLS, matrix(3), [50 + n for n in range(40)], [90 - n for n in range(40)]),
    "rules": CostModel(
        SYMBOLS,
        matrix(4),
        accepted=[
            Accepted("s1", "s2", 10, "swap"),
            Accepted("s3", "", 0, "drop", unless_before=("s4", "s5", "s6")),
            Accepted("", "s7", 5, "add"),
        ],
    ),
}


def edited(draw: random.Random, ref: bytes, rate: float, size: int = 40) -> bytes:
    """``ref`` with a share of its symbols exchanged, dropped or preceded by an added one."""
    hyp = bytearray()
    for code in ref:
        if draw.random() >= rate:
            hyp.append(code)
            continue
        kind = draw.randrange(3)
        if kind != 1:
            hyp.append(draw.randrange(size))
        if kind == 2:
            hyp.append(code)
    return bytes(hyp)


@pytest.mark.parametrize("name", MODELS)
def test_random_pairs_align_as_in_the_textbook(name: str) -> None:
    costs = MODELS[name]
    aligner = Aligner(costs)
    draw = random.Random(7)
    for _ in range(300):
        size = draw.choice((3, 8, 40))
        ref = bytes(draw.randrange(size) for _ in range(draw.randrange(30)))
        hyp = edited(draw, ref, draw.choice((0.0, 0.15, 0.6, 1.0)), size)
        cost, ops = oracle.align(costs, ref, hyp)
        assert aligner.align(ref, hyp) == ops
        assert aligner.align(aligner.prepare(ref), hyp) == ops
        assert costs.cost(ref, hyp, ops) == cost == aligner.distance(ref, hyp)


def test_expand_places_every_operation() -> None:
    assert expand(bytes([0, 2, 3, 1])) == [(0, 0, 0), (2, 1, 1), (3, 1, 2), (1, 2, 2)]


def test_project_divides_an_alignment_among_words() -> None:
    words = project(bytes([2, 0, 0, 2, 4, 3]), [(0, 2), (2, 4)])
    assert [word.verdict for word in words] == ["error", "error"]
    assert [word.hyp_span for word in words] == [(0, 4), (4, 5)]
    assert [word.ops for word in words] == [bytes([2, 0, 0, 2]), bytes([4, 3])]
    assert [word.verdict for word in project(bytes([0, 4]), [(0, 1), (1, 2)])] == ["exact", "accepted"]
