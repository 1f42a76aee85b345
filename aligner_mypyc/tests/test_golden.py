"""Scores of Biopython, and words of phonetic alignments, as they were recorded (``golden/make.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aligner_mypyc import Aligner

from . import cases
from .golden import make

GOLDEN = Path(__file__).resolve().parent / "golden"
BIOPYTHON = json.loads((GOLDEN / "biopython.json").read_text())["scores"]


@pytest.mark.parametrize("name", make.MODELS)
def test_costs_are_biopythons_scores(name: str) -> None:
    costs = cases.models()[name]
    aligner = Aligner(costs)
    assert len(BIOPYTHON[name]) > 100
    for ref_hex, hyp_hex, cost in BIOPYTHON[name]:
        ref, hyp = bytes.fromhex(ref_hex), bytes.fromhex(hyp_hex)
        assert aligner.distance(ref, hyp) == cost
        assert costs.cost(ref, hyp, aligner.align(ref, hyp)) == cost


def test_words_are_judged_as_recorded() -> None:
    assert make.words() == json.loads((GOLDEN / "words.json").read_text())
