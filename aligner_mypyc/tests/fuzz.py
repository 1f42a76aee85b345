"""Fuzz the aligner: ``python tests/fuzz.py -len_control=0 -max_total_time=600`` (needs atheris).

Every input becomes a cost model and two sequences, a network's outputs, a transcript, or the text of a file of
mispronunciations. Alignments must replay to what was heard, cost what ``distance`` says and be the textbook's; what a
beam promises must hold; nothing but AlignerError may be raised. With
``PYTHONPATH=src`` atheris sees the branches of the sources; without, it shakes the compiled package.
"""

from __future__ import annotations

import importlib
import math
import struct
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

atheris: Any = importlib.import_module("atheris")
with atheris.instrument_imports(include=["aligner_mypyc", "tests"]):
    import aligner_mypyc
    from aligner_mypyc import (
        Accepted,
        Aligner,
        AlignerError,
        CostModel,
        Inventory,
        beam_search,
        force_align,
        goodness,
        greedy_decode,
        lengths,
        log_likelihoods,
        project,
        read_transcript,
    )
    from aligner_mypyc.mispronunciations import load_mispronunciations
    from tests import oracle
    from tests.test_aligner import replayed

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-aligner-"))


@atheris.instrument_func
def model(data: Any) -> CostModel:
    size = data.ConsumeIntInRange(1, 64)
    inventory = Inventory([f"s{number}" for number in range(size)])
    most = data.PickValueInList([1, 100, 127, 300, 10_000])
    if data.ConsumeBool():
        return CostModel(inventory, insertion=most, deletion=most)
    seed = data.ConsumeIntInRange(1, 1 << 30)
    matrix = [[0 if e == h else (seed * (e + 1) * (h + 7) >> 5) % (most + 1) for h in range(size)] for e in range(size)]
    insertion: int | list[int] = data.ConsumeIntInRange(1, most)
    if data.ConsumeBool():
        insertion = [1 + (seed * (code + 3) >> 3) % most for code in range(size)]
    accepted = []
    if size > 3 and data.ConsumeBool():
        accepted = [
            Accepted("s0", "s1", data.ConsumeIntInRange(0, most), "exchange"),
            Accepted("s2", "", data.ConsumeIntInRange(0, most), "drop", unless_before=("s1", "s3")),
            Accepted("", "s3", data.ConsumeIntInRange(0, most), "add"),
        ]
    return CostModel(inventory, matrix, insertion, data.ConsumeIntInRange(1, most), accepted)


@atheris.instrument_func
def sequence(data: Any, like: bytes | None = None) -> bytes:
    if like is not None and data.ConsumeBool():
        made = bytearray(like)
        for _ in range(data.ConsumeIntInRange(0, 20)):
            place = data.ConsumeIntInRange(0, len(made))
            made[place : place + data.ConsumeIntInRange(0, 3)] = data.ConsumeBytes(data.ConsumeIntInRange(0, 3))
        return bytes(made)
    return bytes(data.ConsumeBytes(data.ConsumeIntInRange(0, 200)) * data.ConsumeIntInRange(1, 4))


@atheris.instrument_func
def check_alignment(data: Any) -> None:
    costs = model(data)
    size = len(costs.inventory)
    aligner = Aligner(costs)
    ref = sequence(data)
    if data.ConsumeIntInRange(0, 9):
        ref = bytes(code % size for code in ref)
    hyp = sequence(data, ref)
    if data.ConsumeIntInRange(0, 9):
        hyp = bytes(code % size for code in hyp)
    try:
        ops = aligner.align(ref, hyp)
    except AlignerError:
        assert max(ref + hyp) >= size
        return
    assert max(ref + hyp, default=0) < size
    assert replayed(ref, hyp, ops) == hyp
    assert lengths(ops) == (len(ref), len(hyp))
    assert aligner.align(aligner.prepare(ref), hyp) == ops
    cost = costs.cost(ref, hyp, ops)
    assert aligner.distance(ref, hyp) == cost
    cutoff = data.ConsumeIntInRange(0, 2 * cost + 1)
    assert aligner.distance(ref, hyp, cutoff=cutoff) == (cost if cost <= cutoff else None)
    half = len(ref) // 2
    assert sum(len(word.ops) for word in project(ops, [(0, half), (half, len(ref))])) == len(ops)
    if len(ref) * len(hyp) < 3000:
        assert oracle.align(costs, ref, hyp) == (cost, ops)


@atheris.instrument_func
def check_file(data: Any) -> None:
    file = FOLDER / "slips.toml"
    file.write_bytes(data.ConsumeBytes(2000))
    try:
        load_mispronunciations(file)
    except AlignerError as problem:
        message = str(problem)
        if str(file) not in message:
            raise


@atheris.instrument_func
def check_ctc(data: Any) -> None:
    """Frames of probabilities in sixteenths, or of any bits at all."""
    symbols = data.ConsumeIntInRange(1, 6)
    blank = data.ConsumeIntInRange(0, symbols - 1)
    frames = data.ConsumeIntInRange(0, 40)
    any_bits = data.ConsumeIntInRange(0, 3) == 0
    if any_bits:
        packed = data.ConsumeBytes(4 * symbols * frames)
    else:
        shares = [[data.ConsumeIntInRange(0, 15) for _ in range(symbols)] for _ in range(frames)]
        rows = [[math.log(share / sum(row)) if share else -math.inf for share in row] for row in shares]
        packed = struct.pack(f"<{symbols * frames}f", *(value for row in rows for value in row))
    codes = bytes(data.ConsumeBytes(8))
    try:
        tokens = greedy_decode(packed, symbols, blank)
        said = bytes(token.code for token in tokens)
        kept = beam_search(packed, symbols, blank, data.ConsumeIntInRange(1, 6))
        likely = log_likelihoods(packed, symbols, blank, [said, *(found for found, _ in kept)])
        assert all(log_prob <= most + 1e-9 for (_, log_prob), most in zip(kept, likely[1:], strict=True))
        assert len({found for found, _ in kept}) == len(kept)
        aligned = force_align(packed, symbols, blank, said)
        assert [token.code for token in aligned] == list(said)
        goodness(packed, symbols, blank, aligned)
    except AlignerError:
        assert any_bits or any(not any(row) for row in shares)
    try:
        places = force_align(packed, symbols, blank, codes)
        assert bytes(token.code for token in places) == codes
        assert log_likelihoods(packed, symbols, blank, [codes])[0] > -math.inf
    except AlignerError:
        pass


@atheris.instrument_func
def check_transcript(data: Any) -> None:
    inventory = Inventory(["P", "B", "T"])
    text = data.ConsumeUnicodeNoSurrogates(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forgiven = read_transcript(text, inventory, strict=False)
    assert forgiven.spans == sorted(forgiven.spans)
    assert not forgiven.spans or forgiven.spans[-1][1] == len(forgiven.codes)
    try:
        assert read_transcript(text, inventory) == forgiven
    except AlignerError as problem:
        if "position" not in str(problem):
            raise


@atheris.instrument_func
def one_input(raw: bytes) -> None:
    data = atheris.FuzzedDataProvider(raw)
    kind = data.ConsumeIntInRange(0, 7)
    if kind == 0:
        check_file(data)
    elif kind == 1:
        check_transcript(data)
    elif kind <= 3:
        check_ctc(data)
    else:
        check_alignment(data)


if __name__ == "__main__":
    print(f"aligner_mypyc {aligner_mypyc.__version__}, compiled: {aligner_mypyc.COMPILED}", file=sys.stderr)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
