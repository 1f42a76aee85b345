"""The aligner against rapidfuzz, edlib, kaldialign, Biopython, parasail and the Rust crate `similar`.

    python tests/bench/aligner.py [--quick] [--output docs/benchmarks/aligner.json]

Needs requirements/bench-aligner.txt, the aligner installed compiled, and cargo. Every figure is a ratio of least times
of 15 repeats in one process, ours and the peer's in turn, on the same seeded pairs over 40 symbols; `similar` is a
release build that reads the same pairs and takes its own time.

Prints a table and, as its last line, one JSON object. Exit code 1: a ratio is more than 10 % under its floor. What
counts is the ratio with prepared references, made once a phrase; the one from plain bytes stands beside it.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aligner_mypyc
from aligner_mypyc import Aligner, CostModel, Inventory, expand

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from bench.kernels import machine  # noqa: E402  run as a script

ROOT = Path(__file__).resolve().parents[2]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
PAIRS = {8: 500, 20: 500, 40: 500, 60: 500, 200: 100, 1000: 12, 2000: 5}
"""Length of the references -> how many pairs."""
RATES = (15, 60)
"""Percent of the symbols that are exchanged, dropped or preceded by an added one."""
REPEATS = 15
SLOW = 0.4
"""Seconds for all pairs from which on three repeats do."""
GAP = 10
TOLERANCE = 0.9


class Row(NamedTuple):
    """One comparison with a floor (what a trial reached) and a goal; the ratio is the peer's time over ours."""

    peer: str
    length: int
    rate: int
    floor: float
    goal: float


ROWS = [
    *(Row("rapidfuzz editops", length, 15, 1.5, 2.0) for length in (20, 40, 60)),
    Row("rapidfuzz editops.as_list", 40, 15, 1.07, 1.5),
    *(Row("rapidfuzz editops", length, 15, 2.9, 4.0) for length in (1000, 2000)),
    Row("edlib path", 40, 15, 25, 35),
    Row("kaldialign", 40, 15, 75, 100),
    Row("similar Myers", 40, 15, 7, 10),
    Row("similar Myers", 2000, 15, 10, 15),
    Row("Biopython", 40, 15, 9, 12),
    Row("Biopython", 60, 15, 8, 11),
    Row("parasail nw_trace_scan_16", 60, 15, 5.3, 7.0),
    Row("parasail nw_trace_scan_16", 200, 15, 2.6, 3.5),
    Row("parasail nw_trace_scan_16", 2000, 15, 1.8, 2.5),
]

INVENTORY = Inventory(list(LETTERS))
Pairs = list[tuple[bytes, bytes]]
Pass = Callable[[], None]
"""Aligns all pairs of a group once."""


def make_pairs(length: int, rate: int, count: int) -> Pairs:
    draw = random.Random(f"{length} {rate}")
    pairs: Pairs = []
    for _ in range(count):
        ref = bytes(draw.randrange(40) for _ in range(length))
        hyp = bytearray()
        for code in ref:
            kind = draw.randrange(3) if draw.random() * 100 < rate else -1
            if kind in (0, 2):
                hyp.append(draw.randrange(40))
            if kind in (-1, 2):
                hyp.append(code)
        pairs.append((ref, bytes(hyp)))
    return pairs


def cost_matrix() -> list[list[int]]:
    draw = random.Random("costs")
    matrix = [[0] * 40 for _ in range(40)]
    for e in range(40):
        for h in range(e):
            matrix[e][h] = matrix[h][e] = draw.randint(2, 12)
    return matrix


def text(codes: bytes) -> str:
    return "".join(LETTERS[code] for code in codes)


def ours(costs: CostModel, pairs: Pairs) -> dict[str, Pass]:
    """Our ways to align the pairs: from bytes, with references prepared before, and with the operations expanded."""
    aligner = Aligner(costs)
    prepared = [(aligner.prepare(ref), hyp) for ref, hyp in pairs]

    def from_bytes() -> None:
        align = aligner.align
        for ref, hyp in pairs:
            align(ref, hyp)

    def from_prepared() -> None:
        align = aligner.align
        for ref, hyp in prepared:
            align(ref, hyp)

    def expanded() -> None:
        align = aligner.align
        for ref, hyp in pairs:
            expand(align(ref, hyp))

    return {"bytes": from_bytes, "prepared": from_prepared, "expanded": expanded}


def unit_peers(pairs: Pairs) -> dict[str, Pass]:
    levenshtein: Any = importlib.import_module("rapidfuzz.distance").Levenshtein
    edlib: Any = importlib.import_module("edlib")
    kaldialign: Any = importlib.import_module("kaldialign")
    texts = [(text(ref), text(hyp)) for ref, hyp in pairs]
    lists = [(list(ref), list(hyp)) for ref, hyp in texts]

    def editops() -> None:
        for ref, hyp in pairs:
            levenshtein.editops(ref, hyp)

    def as_list() -> None:
        for ref, hyp in pairs:
            levenshtein.editops(ref, hyp).as_list()

    def edlib_path() -> None:
        for ref, hyp in texts:
            edlib.align(hyp, ref, task="path")

    def kaldi() -> None:
        for ref, hyp in lists:
            kaldialign.align(ref, hyp, "-")

    return {
        "rapidfuzz editops": editops,
        "rapidfuzz editops.as_list": as_list,
        "edlib path": edlib_path,
        "kaldialign": kaldi,
    }


def weighted_peers(pairs: Pairs, matrix: list[list[int]]) -> dict[str, Pass]:
    parasail: Any = importlib.import_module("parasail")
    bio: Any = importlib.import_module("Bio.Align")
    texts = [(text(ref), text(hyp)) for ref, hyp in pairs]
    scores = parasail.matrix_create(LETTERS, 0, -GAP, case_sensitive=True)
    array = bio.substitution_matrices.Array(alphabet=LETTERS, dims=2)
    for e in range(40):
        for h in range(40):
            scores[e, h] = -matrix[e][h]
            array[e, h] = -matrix[e][h]
    aligner = bio.PairwiseAligner(mode="global", substitution_matrix=array)
    aligner.insertion_score = aligner.deletion_score = -GAP

    def parasail_trace() -> None:
        for ref, hyp in texts:
            parasail.nw_trace_scan_16(ref, hyp, GAP, GAP, scores)

    def biopython() -> None:
        for ref, hyp in texts:
            aligner.align(ref, hyp)[0]

    costs = CostModel(INVENTORY, matrix, GAP, GAP)
    mine = Aligner(costs)
    for (ref, hyp), (one, other) in zip(pairs[:20], texts, strict=False):
        if -mine_cost(mine, ref, hyp) != parasail.nw_trace_scan_16(one, other, GAP, GAP, scores).score:
            raise SystemExit("the aligner and parasail disagree about a cost")
    return {"parasail nw_trace_scan_16": parasail_trace, "Biopython": biopython}


def mine_cost(aligner: Aligner, ref: bytes, hyp: bytes) -> int:
    return aligner.costs.cost(ref, hyp, aligner.align(ref, hyp))


def least_times(passes: dict[str, Pass]) -> dict[str, float]:
    """Name -> least seconds of one pass, all in turn; an untimed pass before each fills the caches with its data."""
    times: dict[str, float] = dict.fromkeys(passes, float("inf"))
    gc.disable()
    try:
        for repeat in range(REPEATS):
            for name, run in passes.items():
                if repeat >= 3 and times[name] > SLOW:
                    continue
                if repeat == 0 or times[name] < SLOW:
                    run()
                start = time.perf_counter()
                run()
                times[name] = min(times[name], time.perf_counter() - start)
    finally:
        gc.enable()
    return times


def similar_times(groups: dict[str, Pairs]) -> dict[str, float]:
    """The Rust crate's least seconds for each group. Raises OSError or CalledProcessError without cargo."""
    crate = ROOT / "tests" / "bench" / "aligner_similar"
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder, "pairs.tsv")
        lines = [f"{name}\t{ref.hex()}\t{hyp.hex()}" for name, some in groups.items() for ref, hyp in some]
        pairs.write_text("\n".join(lines) + "\n")
        environment = {"CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(Path(folder, "target")))}
        command = ["cargo", "run", "--quiet", "--locked", "--release", "--", str(pairs), str(REPEATS)]
        done = subprocess.run(
            command, cwd=crate, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
    return {name: float(seconds) for name, seconds in (line.split("\t") for line in done.stdout.splitlines())}


def measure(quick: bool) -> list[dict[str, Any]]:
    """One record for each peer, length and rate."""
    matrix = cost_matrix()
    unit = CostModel(INVENTORY, insertion=1, deletion=1)
    weighted = CostModel(INVENTORY, matrix, GAP, GAP)
    wanted = {(row.length, row.rate) for row in ROWS}
    groups = {(length, rate): make_pairs(length, rate, PAIRS[length]) for length in PAIRS for rate in RATES}
    if quick:
        groups = {group: pairs for group, pairs in groups.items() if group in wanted}
    rust = similar_times({f"{length} {rate}": pairs for (length, rate), pairs in groups.items()})
    records: list[dict[str, Any]] = []
    for (length, rate), pairs in groups.items():
        print(f"measuring {length} symbols, {rate} % edited", file=sys.stderr)
        for costs, peers in ((unit, unit_peers(pairs)), (weighted, weighted_peers(pairs, matrix))):
            mine = ours(costs, pairs)
            times = least_times({**mine, **peers})
            if costs is unit:
                times["similar Myers"] = rust[f"{length} {rate}"]
            for peer in times:
                if peer in mine:
                    continue
                way = "expanded" if peer.endswith("as_list") else "bytes"
                records.append(
                    {
                        "peer": peer,
                        "length": length,
                        "rate": rate,
                        "us": round(times[way] / len(pairs) * 1e6, 4),
                        "us_prepared": round(times["prepared"] / len(pairs) * 1e6, 4),
                        "us_peer": round(times[peer] / len(pairs) * 1e6, 4),
                        "ratio": round(times[peer] / times[way], 2),
                        "ratio_prepared": None if way == "expanded" else round(times[peer] / times["prepared"], 2),
                    }
                )
    return records


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Add floor and goal to the records that have one; return what is under its floor."""
    failures = []
    for record in records:
        for row in ROWS:
            if (row.peer, row.length, row.rate) == (record["peer"], record["length"], record["rate"]):
                record["floor"], record["goal"] = row.floor, row.goal
                ratio = record["ratio_prepared"] or record["ratio"]
                if ratio < row.floor * TOLERANCE:
                    failures.append(f"{row.peer}, {row.length} symbols: {ratio} < {TOLERANCE} * {row.floor}")
    return failures


def table(records: list[dict[str, Any]]) -> str:
    lines = [
        f"{'peer':28} {'length':>6} {'edits':>5} {'ours µs':>9} {'prepared':>9} {'peer µs':>10} "
        f"{'ratio':>7} {'prepared':>8} {'floor':>6} {'goal':>6}"
    ]
    for record in sorted(records, key=lambda record: (record["peer"], record["rate"], record["length"])):
        prepared = record["ratio_prepared"]
        lines.append(
            f"{record['peer']:28} {record['length']:6} {record['rate']:4}% {record['us']:9.3f} "
            f"{record['us_prepared']:9.3f} {record['us_peer']:10.3f} {record['ratio']:7.2f} "
            f"{'' if prepared is None else prepared:>8} {record.get('floor', ''):>6} {record.get('goal', ''):>6}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only the lengths and rates that have a goal")
    parser.add_argument("--output", type=Path, help="write the JSON object here too")
    arguments = parser.parse_args()
    if not aligner_mypyc.COMPILED:
        print("the installed aligner_mypyc is interpreted: install it where mypy and a compiler are", file=sys.stderr)
        return 2
    about = machine("rapidfuzz", "edlib", "kaldialign", "biopython", "parasail", "mypy", "librt")
    try:
        records = measure(arguments.quick)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"similar could not be built and run: {getattr(error, 'stderr', '') or error}", file=sys.stderr)
        return 2
    failures = judge(records)
    print(table(records))
    for failure in failures:
        print(f"under the floor: {failure}")
    result = json.dumps({"benchmark": "aligner", "machine": about, "failures": failures, "results": records})
    if arguments.output is not None:
        arguments.output.write_text(result + "\n")
    print(result)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
