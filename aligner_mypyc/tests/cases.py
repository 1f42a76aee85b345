"""Cost models and random pairs that several tests share; run as a script, prints the digests of results.

``python -m tests.cases`` with ``PYTHONPATH=src`` is how the compiled package is compared with its own sources.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

import aligner_mypyc
from aligner_mypyc import (
    Accepted,
    Aligner,
    CostModel,
    Inventory,
    beam_search,
    force_align,
    goodness,
    greedy_decode,
    load_mispronunciations,
    log_likelihoods,
    phonetic_costs,
)

from . import ctc_oracle

SYMBOLS = Inventory([f"s{number}" for number in range(40)])

PHONEMES = [
    "AA",
    "AE",
    "AH",
    "AO",
    "AW",
    "AX",
    "AY",
    "B",
    "CH",
    "D",
    "DH",
    "EH",
    "ER",
    "EY",
    "F",
    "G",
    "HH",
    "IH",
    "IY",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "OW",
    "OY",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "UH",
    "UW",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]


def matrix(seed: int, least: int = 20, most: int = 120) -> list[list[int]]:
    draw = random.Random(seed)
    return [[0 if e == h else draw.randint(least, most) for h in range(40)] for e in range(40)]


def models() -> dict[str, CostModel]:
    """One model for each path through the aligner."""
    rules = [
        Accepted("s1", "s2", 10, "swap"),
        Accepted("s3", "", 0, "drop", unless_before=("s4", "s5", "s6")),
        Accepted("", "s7", 5, "add"),
    ]
    slips = load_mispronunciations()
    return {
        "unit": CostModel(SYMBOLS),
        "unit, accepted free": CostModel(
            SYMBOLS, accepted=[Accepted("s1", "s2", 0, "r", unless_before=("s3",)), Accepted("s3", "s4", 0, "r")]
        ),
        "lanes": CostModel(SYMBOLS, matrix(1), 127, 127),
        "lanes, cheap exchanges": CostModel(SYMBOLS, matrix(2, 1, 30), 100, 60),
        "lanes, uneven gaps": CostModel(SYMBOLS, matrix(3), [50 + n for n in range(40)], [90 - n for n in range(40)]),
        "lanes, rules": CostModel(SYMBOLS, matrix(4), accepted=rules),
        "cells": CostModel(SYMBOLS, [[cost * 60 for cost in row] for row in matrix(5)], 5000, 4000, rules),
        "phonetic": phonetic_costs(Inventory(PHONEMES, aliases=slips.aliases), slips),
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


def pairs(count: int, longest: int, seed: int = 7) -> Iterator[tuple[bytes, bytes]]:
    """Random pairs: few or many different symbols, few or many edits, some unrelated, some cut."""
    draw = random.Random(seed)
    for _ in range(count):
        size = draw.choice((2, 4, 40))
        ref = bytes(draw.randrange(size) for _ in range(int(longest ** draw.random())))
        if draw.random() < 0.1:
            hyp = bytes(draw.randrange(size) for _ in range(int(longest ** draw.random())))
        else:
            hyp = edited(draw, ref, draw.choice((0.02, 0.15, 0.4, 0.8)), size)
        if draw.random() < 0.1:
            hyp = hyp[draw.randrange(len(hyp) + 1) :]
        yield ref, hyp


def digests() -> dict[str, str]:
    """SHA-256 of all operations and distances, one digest a model; and of the CTC kernels' results."""
    results = {}
    for name, costs in models().items():
        aligner = Aligner(costs)
        digest = hashlib.sha256()
        for ref, hyp in pairs(1500, 150):
            digest.update(aligner.align(ref, hyp) + b"/")
            distance = aligner.distance(ref, hyp)
            digest.update(f"{distance} {aligner.distance(ref, hyp, cutoff=200)} ".encode())
        results[name] = digest.hexdigest()
    aligner = Aligner(CostModel(SYMBOLS))
    digest = hashlib.sha256()
    for ref, hyp in pairs(20_000, 60, seed=11):
        digest.update(aligner.align(ref, hyp) + b"/")
    results["20,000 pairs"] = digest.hexdigest()
    draw = random.Random(12)
    found: list[float] = []
    for number in range(60):
        rows = ctc_oracle.made(number, draw.randrange(1, 90), 7, draw.choice((1.0, 5.0, 300.0)))
        frames = ctc_oracle.packed(rows)
        said = [bytes(draw.randrange(6) for _ in range(draw.randrange(60))) for _ in range(4)]
        found += log_likelihoods(frames, 7, 6, [*said, *(some[: len(some) // 2] for some in said)])
        for codes, log_prob in beam_search(frames, 7, 6, 5):
            found += [log_prob, *codes]
            tokens = force_align(frames, 7, 6, codes)
            found += [value for token in tokens for value in token]
            found += [value for both in goodness(frames, 7, 6, tokens) for value in both]
        found += [value for token in greedy_decode(frames, 7, 6) for value in token]
    results["CTC"] = hashlib.sha256(" ".join(f"{value:.9f}" for value in found).encode()).hexdigest()
    return results


if __name__ == "__main__":
    print(json.dumps({"compiled": aligner_mypyc.COMPILED, "digests": digests()}))
