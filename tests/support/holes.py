"""The holes that were found from outside, each kept shut by tests that carry its number.

A hole is a kind of fault: one record that stops every worker, one event that starves all others, a wait that nobody
sees. ``@hole("B3")`` marks a test that was red while the hole was open. ``python -m support.holes`` (from ``tests/``)
runs those of the fast suites and ends with a line of JSON, a verdict for each number; a number that no test carries is
``missing`` and fails the run.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

NUMBERS = (
    "A",
    *(f"B{number}" for number in range(1, 9)),
    *(f"C{number}" for number in range(1, 9)),
    *(f"D{number}" for number in range(1, 9)),
    "E",
    *(f"F{number}" for number in range(1, 7)),
)

SUITES = ("unit", "contract", "integration")


def hole(*numbers: str) -> pytest.MarkDecorator:
    """Mark a test that keeps these holes shut.

    Raises:
        ValueError: no hole has such a number.
    """
    if unknown := [number for number in numbers if number not in NUMBERS]:
        raise ValueError(f"no hole is numbered {', '.join(unknown)}")
    return pytest.mark.hole(*numbers)


class Verdicts:
    """A pytest plugin that keeps what becomes of the tests of each hole."""

    def __init__(self) -> None:
        self._holes: dict[str, tuple[str, ...]] = {}
        self._failed: set[str] = set()
        self._passed: set[str] = set()

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which tests belong to which hole."""
        for item in items:
            self._holes[item.nodeid] = tuple(number for mark in item.iter_markers("hole") for number in mark.args)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of a test; one that is skipped has proven nothing."""
        if report.failed or report.skipped:
            self._failed.add(report.nodeid)
        elif report.when == "call":
            self._passed.add(report.nodeid)

    def of(self, numbers: Iterable[str] = NUMBERS) -> dict[str, str]:
        """A verdict for each number: ``passed`` (all of its tests did), ``failed``, or ``missing``."""
        tests = defaultdict(set)
        for test, holes in self._holes.items():
            for number in holes:
                tests[number].add(test)
        return {number: self._of(tests[number]) for number in numbers}

    def _of(self, tests: set[str]) -> str:
        if not tests:
            return "missing"
        return "passed" if tests <= self._passed - self._failed else "failed"


def main(arguments: list[str]) -> int:
    """Run the marked tests; ``arguments`` go to pytest. Returns the exit code: 0 if every hole's tests passed."""
    verdicts = Verdicts()
    plugins: list[Any] = [verdicts]
    code = pytest.main(["-q", "-m", "hole", *(arguments or SUITES)], plugins=plugins)
    found = verdicts.of()
    print(json.dumps(found), flush=True)
    return int(code) or int(any(verdict != "passed" for verdict in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
