"""The judge of the holes: a number without a test, a failure and a skip are all told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.holes import Verdicts, hole

CONFIGURATION = """[pytest]
asyncio_default_fixture_loop_scope = function
markers = hole(number): a hole
"""
SUITE = """
import pytest
from support.holes import hole

@hole("A")
def test_good(): pass

@hole("B1", "B2")
def test_bad(): assert False

@hole("B2")
def test_good_too(): pass

@hole("B3")
def test_skipped(): pytest.skip("nothing is proven")

@hole("B4")
@pytest.mark.parametrize("number", [1, 2])
def test_one_of_two(number): assert number == 1
"""


def test_each_hole_has_the_verdict_of_all_of_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers = hole(number): a hole\n"
    )
    verdicts = Verdicts()
    pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)], plugins=[verdicts])
    assert verdicts.of(["A", "B1", "B2", "B3", "B4", "C1"]) == {
        "A": "passed",
        "B1": "failed",
        "B2": "failed",
        "B3": "failed",
        "B4": "failed",
        "C1": "missing",
    }


def test_a_number_that_no_hole_has_is_refused() -> None:
    with pytest.raises(ValueError, match="B99"):
        hole("B99")
