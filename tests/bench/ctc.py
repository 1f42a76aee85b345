"""The CTC kernels of `aligner_mypyc` against numpy and `fast-ctc-decode` (Rust).

    python tests/bench/ctc.py [--output docs/benchmarks/ctc.json]

Needs requirements/bench-aligner.txt and the aligner installed compiled. The same frames for all: seeded, 41 symbols, as
a recogniser gives them (in most the blank is likeliest; its doubts vary). Every figure is the least time of 15 repeats
in one process, ours and the peer's in turn.

Prints a table and, as its last line, one JSON object. Exit code 1: results differ.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any

import numpy as np

import aligner_mypyc

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from support import numpy_ctc  # noqa: E402

from bench.kernels import machine  # noqa: E402  run as a script

SYMBOLS = 41
BLANK = 40
FRAMES = (60, 115, 500)
"""1.2 s, a clip of the demo, 10 s."""
WIDTHS = (4, 8, 16)
REPEATS = 15
LEAST = -12.0
"""What is less likely in a frame extends no prefix."""


def made(frames: int) -> numpy_ctc.Floats:
    """Log-probabilities of a recogniser that hears a symbol about every fifth frame."""
    draw = np.random.default_rng(frames)
    logits = draw.normal(0, 2.5, (frames, SYMBOLS))
    logits[:, BLANK] += 9
    for start in range(2, frames - 1, 5):
        logits[start : start + 2, draw.integers(BLANK)] += draw.uniform(8, 16)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs: numpy_ctc.Floats = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(np.float32)
    return log_probs


def variants(codes: bytes) -> list[bytes]:
    """What a suspect word is weighed by: the sequence, and two in which three symbols in its middle are others."""
    middle = len(codes) // 2
    others = (bytes((code + step) % BLANK for code in codes[middle : middle + 3]) for step in (1, 2))
    return [codes, *(codes[:middle] + other + codes[middle + 3 :] for other in others)]


@dataclass(frozen=True)
class Case:
    """A kernel, and who does the same."""

    kernel: str
    frames: int
    run: Callable[[], Any]
    peer: str = ""
    run_peer: Callable[[], Any] | None = None
    same: Callable[[Any, Any], bool] = operator.eq
    """Whether our result and the peer's say the same."""

    def record(self) -> dict[str, Any]:
        """Microseconds of a call, ours and the peer's."""
        calls = 20
        ours, theirs = [], []
        for _ in range(REPEATS):
            ours.append(repeat(self.run, number=calls, repeat=1)[0])
            if self.run_peer is not None:
                theirs.append(repeat(self.run_peer, number=calls, repeat=1)[0])
        us, us_peer = (min(times, default=math.nan) / calls * 1e6 for times in (ours, theirs))
        figures: dict[str, Any] = {"kernel": self.kernel, "frames": self.frames, "us": round(us, 2)}
        if self.run_peer is not None:
            figures |= {"peer": self.peer, "us_peer": round(us_peer, 2), "ratio": round(us_peer / us, 2)}
        return figures


def cases(frames: int) -> Iterator[Case]:
    """All kernels on one recording."""
    rust: Any = importlib.import_module("fast_ctc_decode")
    alphabet = ["-", *(chr(ord("A") + code) for code in range(BLANK))]
    log_probs = made(frames)
    packed = log_probs.astype("<f4").tobytes()
    # fast-ctc-decode takes probabilities, the blank first.
    probabilities = np.ascontiguousarray(np.exp(np.roll(log_probs, 1, axis=1)))
    tokens = aligner_mypyc.greedy_decode(packed, SYMBOLS, BLANK)
    codes = bytes(token.code for token in tokens)

    def spelt(found: bytes) -> str:
        return "".join(alphabet[code + 1] for code in found)

    greedy = partial(aligner_mypyc.greedy_decode, packed, SYMBOLS, BLANK)
    yield Case(
        "greedy_decode", frames, greedy, "numpy", partial(numpy_ctc.greedy_decode, log_probs, BLANK),
        lambda ours, theirs: [token[:3] for token in ours] == [token[:3] for token in theirs],
    )  # fmt: skip
    yield Case(
        "greedy_decode", frames, greedy, "fast-ctc-decode", partial(rust.viterbi_search, probabilities, alphabet),
        lambda ours, theirs: spelt(bytes(token.code for token in ours)) == theirs[0],
    )  # fmt: skip

    every = variants(codes[:30])
    stretch = log_probs[: tokens[min(30, len(tokens)) - 1].end]
    yield Case(
        f"log_likelihoods of 3, {len(every[0])} symbols", len(stretch),
        partial(aligner_mypyc.log_likelihoods, stretch.astype("<f4").tobytes(), SYMBOLS, BLANK, every),
        "numpy", partial(numpy_ctc.log_likelihoods, stretch, BLANK, every),
        lambda ours, theirs: np.allclose(ours, theirs, rtol=0, atol=1e-9),
    )  # fmt: skip
    yield Case(
        f"force_align, {len(codes)} symbols", frames, partial(aligner_mypyc.force_align, packed, SYMBOLS, BLANK, codes)
    )
    for width in WIDTHS:
        yield Case(
            f"beam_search of {width}", frames,
            partial(aligner_mypyc.beam_search, packed, SYMBOLS, BLANK, width, LEAST),
            "fast-ctc-decode", partial(rust.beam_search, probabilities, alphabet, width, math.exp(LEAST)),
            lambda ours, theirs: spelt(ours[0][0]) == theirs[0],
        )  # fmt: skip


def table(records: list[dict[str, Any]]) -> str:
    """The figures for people."""
    lines = [f"{'kernel':36} {'frames':>6} {'ours µs':>9}  {'peer':16} {'peer µs':>9} {'ratio':>7}"]
    for row in records:
        peer = f"{row['peer']:16} {row['us_peer']:9.1f} {row['ratio']:7.2f}" if "peer" in row else ""
        lines.append(f"{row['kernel']:36} {row['frames']:6} {row['us']:9.1f}  {peer}".rstrip())
    return "\n".join(lines)


def main() -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, help="write the JSON object here too")
    arguments = parser.parse_args()
    if not aligner_mypyc.COMPILED:
        print("the installed aligner_mypyc is interpreted: install it where mypy and a compiler are", file=sys.stderr)
        return 2
    about = machine("fast-ctc-decode", "numpy", "mypy", "librt")
    every = [case for frames in FRAMES for case in cases(frames)]
    wrong = [
        f"{case.kernel}, {case.frames} frames, {case.peer}"
        for case in every
        if case.run_peer is not None and not case.same(case.run(), case.run_peer())
    ]
    records = [case.record() for case in every]
    print(table(records))
    for what in wrong:
        print(f"results differ: {what}")
    result = json.dumps({"benchmark": "ctc", "machine": about, "differ": wrong, "results": records})
    if arguments.output is not None:
        arguments.output.write_text(result + "\n")
    print(result)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
