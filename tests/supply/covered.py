"""The gate behind coverage: of the rooms on which the promise rests, tests run enough.

``python -m supply.covered REPORT.json`` (in tests/): REPORT is what `coverage json` wrote of streamproc/.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

LEAST = 0.80
CORE = (
    "agents",
    "audio",
    "contracts",
    "deadletter",
    "health",
    "inference",
    "scoring",
    "settings",
    "telemetry",
    "tracing",
    "transport",
)
"""Rooms on which the promise rests; what is for development, or glue that tests run in other ways, is told alone."""


def shares(report: dict[str, Any]) -> dict[str, float]:
    """Room -> the share of its statements that were run."""
    run: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for name, file in report["files"].items():
        parts = Path(name).parts
        room = Path(parts[parts.index("streamproc") + 1]).stem
        run[room] += file["summary"]["covered_lines"]
        there[room] += file["summary"]["num_statements"]
    return {room: run[room] / count for room, count in sorted(there.items()) if count}


def problems(found: dict[str, float]) -> list[str]:
    """Core rooms of which too little was run, or nothing is known."""
    wrong = [f"{room}: nothing was measured" for room in CORE if room not in found]
    return wrong + [
        f"{room}: {found[room]:.1%} of its statements are run by tests, not {LEAST:.0%}"
        for room in CORE
        if room in found and found[room] < LEAST
    ]


def main(file: Path) -> int:
    """Tell it; the exit code."""
    found = shares(json.loads(file.read_text("utf-8")))
    for room, share in found.items():
        print(f"{room:12} {share:6.1%}{'' if room in CORE else '  (not gated)'}")
    wrong = problems(found)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(json.dumps({room: round(share, 3) for room, share in found.items() if room in CORE}))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
