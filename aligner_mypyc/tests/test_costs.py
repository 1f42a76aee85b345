"""Cost models: what they accept, and what they refuse by name."""

from __future__ import annotations

from typing import Any

import pytest

from aligner_mypyc import (
    ACCEPTED,
    ACCEPTED_DELETE,
    ACCEPTED_INSERT,
    DELETE,
    INSERT,
    MATCH,
    Accepted,
    Aligner,
    AlignerError,
    CostModel,
    Inventory,
)

ABC = Inventory(["a", "b", "c"])
SQUARE = [[0, 50, 60], [70, 0, 80], [90, 110, 0]]


def broken(row: int, column: int, cost: Any) -> list[list[int]]:
    matrix = [list(line) for line in SQUARE]
    matrix[row][column] = cost
    return matrix


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"substitution": broken(0, 1, -1)}, r"substitution a -> b: the cost -1 is not from 0 to 10000"),
        ({"substitution": broken(2, 0, 10_001)}, r"substitution c -> a: the cost 10001 is not from 0 to 10000"),
        ({"substitution": broken(1, 2, float("nan"))}, r"substitution b -> c: the cost nan is not a whole number"),
        ({"substitution": broken(1, 2, 0.5)}, r"substitution b -> c: the cost 0\.5 is not a whole number"),
        ({"substitution": broken(1, 2, True)}, r"substitution b -> c: the cost True is not a whole number"),
        ({"substitution": broken(1, 1, 5)}, r"substitution b -> b: the cost is not 0"),
        ({"substitution": SQUARE[:2]}, r"2 rows for 3 symbols"),
        ({"substitution": [[0, 1], [1, 0, 1], [1, 1, 0]]}, r"row a of the substitution matrix has 2 columns, not 3"),
        ({"insertion": float("nan")}, r"insertion: the cost nan is not a whole number"),
        ({"insertion": 0}, r"insertion: the cost 0 is not from 1"),
        ({"deletion": [1, 2]}, r"2 deletion costs for 3 symbols"),
        ({"insertion": [1, float("inf"), 1]}, r"insertion of b: the cost inf is not a whole number"),
        ({"accepted": [Accepted("a", "x", 1, "r")]}, r"accepted pair 0 \(a -> x, r\): unknown symbol 'x'"),
        ({"accepted": [Accepted("a", "a", 1, "r")]}, r"accepted pair 0 \(a -> a, r\): both sides are the same"),
        ({"accepted": [Accepted("a", "b", -1, "r")]}, r"accepted pair 0 \(a -> b, r\): the cost -1"),
        (
            {"accepted": [Accepted("a", "b", 1, "r"), Accepted("a", "b", 2, "q")]},
            r"accepted pair 1 \(a -> b, q\): accepted already, by r",
        ),
        ({"accepted": [Accepted("", "b", 1, "r", ("a",))]}, r"nothing -> b, r\): an added symbol cannot have unless"),
        ({"accepted": [Accepted("a", "b", 1, "r", ("z",))]}, r"unknown symbol 'z'"),
    ],
)
def test_bad_costs_are_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AlignerError, match=message):
        CostModel(ABC, **arguments)


def test_accepted_slips_have_operations_of_their_own() -> None:
    rules = [Accepted("a", "b", 10, "swap"), Accepted("b", "", 5, "drop"), Accepted("", "c", 7, "add")]
    costs = CostModel(ABC, SQUARE, accepted=rules)
    aligner = Aligner(costs)
    a, b, c = b"\x00", b"\x01", b"\x02"
    assert aligner.align(a, b) == bytes([ACCEPTED])
    assert aligner.align(a + b, a) == bytes([MATCH, ACCEPTED_DELETE])
    assert aligner.align(a, a + c) == bytes([MATCH, ACCEPTED_INSERT])
    assert aligner.align(a + a, a) == bytes([MATCH, DELETE])
    assert aligner.align(a, a + a) == bytes([MATCH, INSERT])
    assert costs.rule("a", "b") == rules[0]
    assert costs.rule("b", "") == rules[1]
    assert costs.rule("", "c") == rules[2]
    assert costs.rule("b", "a") is None


def test_a_rule_does_not_hold_before_the_symbols_it_excludes() -> None:
    costs = CostModel(ABC, SQUARE, accepted=[Accepted("b", "", 5, "drop", unless_before=("a",))])
    aligner = Aligner(costs)
    assert aligner.align(b"\x02\x01\x02", b"\x02\x02") == bytes([MATCH, ACCEPTED_DELETE, MATCH])
    assert aligner.align(b"\x02\x01\x00", b"\x02\x00") == bytes([MATCH, DELETE, MATCH])
    assert aligner.distance(b"\x02\x01", b"\x02") == 5
    assert costs.rule("b", "", following="a") is None
    assert costs.rule("b", "", following="c") is not None
    assert costs.rule("b", "") is not None


def test_the_cost_of_an_alignment_that_does_not_fit_is_refused() -> None:
    costs = CostModel(ABC)
    assert costs.cost(b"\x00\x01", b"\x00", bytes([MATCH, DELETE])) == 100
    for ops in (b"", bytes([MATCH]), bytes([MATCH, INSERT]), bytes([MATCH, DELETE, DELETE])):
        with pytest.raises(AlignerError, match="does not fit"):
            costs.cost(b"\x00\x01", b"\x00", ops)
