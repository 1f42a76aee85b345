"""The aligner against the textbook, rapidfuzz and itself."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

import aligner_mypyc
from aligner_mypyc import DELETE, INSERT, MATCH, Accepted, Aligner, AlignerError, CostModel, expand, lengths

from . import cases, oracle

ROOT = Path(__file__).resolve().parent.parent
MODELS = cases.models()


def replayed(ref: bytes, hyp: bytes, ops: bytes) -> bytes:
    """What the operations make of ``ref``, taking exchanged and added symbols from ``hyp``."""
    made = bytearray()
    for op, i, j in expand(ops):
        if op == MATCH:
            made.append(ref[i])
        elif op not in (DELETE, aligner_mypyc.ACCEPTED_DELETE):
            made.append(hyp[j])
    return bytes(made)


@pytest.mark.parametrize("name", MODELS)
def test_random_pairs_align_as_in_the_textbook(name: str) -> None:
    costs = MODELS[name]
    aligner = Aligner(costs)
    for ref, hyp in cases.pairs(250, 150):
        cost, ops = oracle.align(costs, ref, hyp)
        assert aligner.align(ref, hyp) == ops
        assert aligner.align(aligner.prepare(ref), hyp) == ops
        assert costs.cost(ref, hyp, ops) == cost == aligner.distance(ref, hyp)
        assert aligner.distance(aligner.prepare(ref), hyp, cutoff=cost) == cost
        assert cost == 0 or aligner.distance(ref, hyp, cutoff=cost - 1) is None


def test_20_000_random_pairs_as_rapidfuzz_measures_them() -> None:
    costs = CostModel(cases.SYMBOLS, insertion=1, deletion=1)
    aligner = Aligner(costs)
    for ref, hyp in cases.pairs(20_000, 200, seed=3):
        ops = aligner.align(ref, hyp)
        assert len(ops) - ops.count(MATCH) == Levenshtein.distance(ref, hyp)
        assert replayed(ref, hyp, ops) == hyp
        assert lengths(ops) == (len(ref), len(hyp))


def test_compiled_and_interpreted_code_give_the_same_bytes() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "tests.cases"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=110)
    interpreted = json.loads(run.stdout)
    assert interpreted["compiled"] is False
    assert interpreted["digests"] == cases.digests()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("length", [0, 1, 2, 6, 7, 8, 13, 14, 15, 61, 62, 63, 64, 65, 123, 124, 125, 126, 127])
def test_lengths_around_words_lanes_and_strips(name: str, length: int) -> None:
    costs = MODELS[name]
    aligner = Aligner(costs)
    draw = random.Random(length)
    ref = bytes(draw.randrange(40) for _ in range(length))
    other = bytes((code + 1) % 40 for code in ref)
    one = bytes([5]) * length
    hyps = [b"", b"\x05", ref, other, one, ref[1:], ref + b"\x05", b"\x05" + ref, ref[: length // 2], other + ref]
    hyps += [cases.edited(draw, ref, rate) for rate in (0.05, 0.3, 1.0)]
    for hyp in hyps:
        for first, second in ((ref, hyp), (hyp, ref), (one, hyp)):
            cost, ops = oracle.align(costs, first, second)
            assert aligner.align(first, second) == ops
            assert aligner.distance(first, second) == cost


def test_equal_different_and_empty_sequences() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS))
    assert aligner.align(b"", b"") == b""
    assert aligner.align(b"\x01\x02", b"\x01\x02") == bytes([MATCH, MATCH])
    assert aligner.align(b"", b"\x01\x02") == bytes([INSERT, INSERT])
    assert aligner.align(b"\x01\x02", b"") == bytes([DELETE, DELETE])
    assert aligner.align(bytes(300), bytes([1]) * 300) == bytes([aligner_mypyc.SUBSTITUTE]) * 300
    assert aligner.align(bytes(1000), bytes(1000)) == bytes(1000)


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.6])
def test_long_sequences_as_rapidfuzz_measures_them(rate: float) -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS, insertion=1, deletion=1))
    draw = random.Random(1)
    for length in (500, 1000, 3000):
        ref = bytes(draw.randrange(40) for _ in range(length))
        hyp = cases.edited(draw, ref, rate)
        ops = aligner.align(ref, hyp)
        assert len(ops) - ops.count(MATCH) == Levenshtein.distance(ref, hyp) == aligner.distance(ref, hyp)
        assert replayed(ref, hyp, ops) == hyp


def test_a_block_moved_from_one_end_to_the_other_is_beyond_every_guessed_band() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS, insertion=1, deletion=1))
    draw = random.Random(2)
    for moved in (100, 200, 400):
        ref = bytes(draw.randrange(40) for _ in range(900))
        hyp = ref[moved:] + ref[:moved]
        ops = aligner.align(ref, hyp)
        assert len(ops) - ops.count(MATCH) == Levenshtein.distance(ref, hyp) == aligner.distance(ref, hyp)


def test_distance_of_20_000_by_20_000_symbols_and_the_bound_for_paths() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS, insertion=1, deletion=1))
    draw = random.Random(3)
    ref = bytes(draw.randrange(40) for _ in range(20_000))
    hyp = cases.edited(draw, ref, 0.15)
    unrelated = bytes(draw.randrange(40) for _ in range(20_001))
    assert aligner.distance(ref, hyp) == Levenshtein.distance(ref, hyp)
    assert aligner.distance(ref, unrelated) == Levenshtein.distance(ref, unrelated)
    assert aligner.distance(ref, unrelated, cutoff=1000) is None
    with pytest.raises(AlignerError, match=r"20000 x 20001 symbols is beyond 400000000 cells"):
        aligner.align(ref, unrelated)


def test_weighted_distance_gives_up_beyond_the_cutoff() -> None:
    costs = MODELS["lanes"]
    aligner = Aligner(costs)
    draw = random.Random(4)
    ref = bytes(draw.randrange(40) for _ in range(3000))
    hyp = cases.edited(draw, ref, 0.1)
    cost = costs.cost(ref, hyp, aligner.align(ref, hyp))
    assert aligner.distance(ref, hyp) == cost
    assert aligner.distance(ref, hyp, cutoff=cost) == cost
    assert aligner.distance(ref, hyp, cutoff=cost - 1) is None
    assert aligner.distance(ref, hyp, cutoff=0) is None


def test_weighted_distance_ends_where_rules_make_gaps_free() -> None:
    rules = [Accepted("s1", "", 0, "drop"), Accepted("", "s2", 0, "add")]
    aligner = Aligner(CostModel(cases.SYMBOLS, cases.matrix(6), accepted=rules))
    ref, hyp = b"\x03\x01\x04", b"\x04\x02\x03"
    assert aligner.distance(ref, hyp) == oracle.align(aligner.costs, ref, hyp)[0]
    assert aligner.distance(b"\x01" * 50, b"\x02" * 50) == 0


def test_align_many_keeps_the_order_and_names_the_pair_at_fault() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS))
    some = list(cases.pairs(50, 30))
    assert aligner.align_many(some) == [aligner.align(ref, hyp) for ref, hyp in some]
    with pytest.raises(AlignerError, match=r"pair 1: code 40 at position 2"):
        aligner.align_many([(b"\x01", b"\x01"), (b"\x01", b"\x01\x02\x28")])


def test_codes_outside_of_the_inventory_are_refused() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS))
    for length in (1, 7, 8, 9, 20):
        for place in (0, length - 1):
            for code in (40, 63, 64, 128, 255):
                bad = bytearray(length)
                bad[place] = code
                for ref, hyp in ((bytes(bad), b"\x01"), (b"\x01", bytes(bad)), (bytes(bad), bytes(bad))):
                    with pytest.raises(AlignerError, match=f"code {code} at position {place}"):
                        aligner.align(ref, hyp)
                    with pytest.raises(AlignerError, match=f"code {code} at position {place}"):
                        aligner.distance(ref, hyp)
                with pytest.raises(AlignerError, match=f"code {code} at position {place}"):
                    aligner.prepare(bytes(bad))


def test_a_reference_prepared_with_other_costs_is_refused() -> None:
    prepared = Aligner(MODELS["unit"]).prepare(b"\x01")
    with pytest.raises(AlignerError, match="other costs"):
        Aligner(MODELS["lanes"]).align(prepared, b"\x01")
    with pytest.raises(AlignerError, match="other costs"):
        Aligner(MODELS["lanes"]).distance(prepared, b"\x01")


def test_the_largest_costs_give_up_too() -> None:
    aligner = Aligner(CostModel(cases.SYMBOLS, insertion=10_000, deletion=10_000))
    assert aligner.distance(b"\x01" * 8, b"") == 80_000
    assert aligner.distance(b"\x01" * 8, b"", cutoff=0) is None
    assert aligner.distance(b"\x01" * 8, b"\x02", cutoff=79_999) is None
    assert aligner.distance(b"\x01" * 8, b"\x02", cutoff=10**30) == 80_000


def test_a_negative_cutoff_is_refused() -> None:
    with pytest.raises(AlignerError, match="cutoff -1"):
        Aligner(MODELS["unit"]).distance(b"\x01", b"\x02", cutoff=-1)
