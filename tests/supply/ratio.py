"""The gate behind benchmarks: what an activity costs the worker now, by what it cost at an earlier commit.

``python -m supply.ratio BASE [--rounds 3] [--most 1.15]`` (in tests/). Machines differ, so that a figure that was kept
says little: both commits are measured here, in turn, and the cheapest round of each counts. The compiled aligner is the
present one for both. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supply.locks import ROOT

BENCHMARK = "tests/bench/worker.py"
FIGURE = "cpu_ms_per_activity"


def verdict(base: Sequence[float], head: Sequence[float], most: float) -> dict[str, Any]:
    """What is told, of the milliseconds of each round."""
    ratio = min(head) / min(base)
    return {
        "base_ms": round(min(base), 3),
        "head_ms": round(min(head), 3),
        "ratio": round(ratio, 3),
        "most": most,
        "passed": ratio <= most,
    }


def measured(tree: Path) -> float:
    """The figure of a tree's own benchmark with its own code."""
    told = subprocess.run(
        [sys.executable, BENCHMARK, "--seconds", "10"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=True,
    ).stdout
    return float(json.loads(told.splitlines()[-1])[FIGURE])


def git(*arguments: str) -> str:
    """What git says in this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a commit")
    parser.add_argument("--rounds", type=int, default=3, help="of each [default: %(default)s]")
    parser.add_argument("--most", type=float, default=1.15, help="ratio that passes [default: %(default)s]")
    given = parser.parse_args()
    base = git("rev-parse", "--verify", f"{given.base}^{{commit}}")
    if base == git("rev-parse", "HEAD"):
        print(json.dumps({"ratio": 1.0, "most": given.most, "passed": True, "same": base}))
        return 0
    with tempfile.TemporaryDirectory(prefix="ratio-") as name:
        tree = Path(name, "base")
        git("worktree", "add", "--quiet", "--detach", str(tree), base)
        try:
            early, late = [], []
            for number in range(given.rounds):
                early.append(measured(tree))
                late.append(measured(ROOT))
                print(f"round {number + 1}: {early[-1]:.3f} ms at {base[:9]}, {late[-1]:.3f} ms now", flush=True)
        finally:
            git("worktree", "remove", "--force", str(tree))
    found = verdict(early, late, given.most)
    print(json.dumps(found))
    return int(not found["passed"])


if __name__ == "__main__":
    sys.exit(main())
