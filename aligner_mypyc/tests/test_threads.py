"""One aligner used by many threads at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from aligner_mypyc import Aligner

from . import cases


@pytest.mark.parametrize("name", ["unit", "lanes", "cells"])
def test_eight_threads_share_an_aligner(name: str) -> None:
    costs = cases.models()[name]
    aligner = Aligner(costs)
    work = list(cases.pairs(400, 150))
    expected = [Aligner(costs).align(ref, hyp) for ref, hyp in work]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:

            def align_from(start: int) -> list[bytes]:
                turned = work[start:] + work[:start]
                found = [aligner.align(ref, hyp) for ref, hyp in turned]
                return found[len(work) - start :] + found[: len(work) - start]

            for found in pool.map(align_from, range(0, 400, 25)):
                assert found == expected
    finally:
        sys.setswitchinterval(interval)
