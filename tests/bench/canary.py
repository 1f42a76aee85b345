"""How often the tests of a canary sound a false alarm in a day, how soon they find a bad one: JSON as the last line.

``python tests/bench/canary.py --save docs/benchmarks/canary.json``: about two minutes. All is simulated and seeded.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.school_of_canaries import CanaryDay, Found, simulate

DAY = 2_000
"""Activities of the canary in a day without change."""

WITHIN = 2_000
"""Activities of the canary within which a fall of three points must be found."""

WORKERS = (1, 4)

BAD = {
    "falls 3 points": CanaryDay(fall=0.03),
    "falls 3 points, models disagree much": CanaryDay(fall=0.03, disagree=0.2),
    "falls 10 points": CanaryDay(fall=0.10),
    "fails on 5 %": CanaryDay(fails=0.05),
    "fails on all": CanaryDay(fails=1.0),
    "twice as slow": CanaryDay(slower=2.0),
    "five times as slow": CanaryDay(slower=5.0),
}


def false_alarms(days: int) -> dict[str, Any]:
    """Days without change, by the number of workers that share the test."""
    rows = {}
    for workers in WORKERS:
        found = [simulate(CanaryDay(), DAY, workers, seed) for seed in range(days)]
        alarms = [one.verdict.what for one in found if one.verdict is not None]
        rows[str(workers)] = {"days": days, "alarms": len(alarms), "by": sorted(set(alarms))}
        print(f"no change, {workers} workers: {len(alarms)} alarms in {days} days of {DAY} activities")
    return rows


def detection(runs: int) -> dict[str, Any]:
    """Bad canaries: how many of them are found within WITHIN activities, and after how many."""
    rows: dict[str, Any] = {}
    for name, day in BAD.items():
        for workers in WORKERS:
            found = [simulate(day, WITHIN, workers, seed) for seed in range(1_000_000, 1_000_000 + runs)]
            rows.setdefault(name, {})[str(workers)] = row = _row(found)
            print(f"{name}, {workers} workers: {row}")
    return rows


def _row(found: list[Found]) -> dict[str, Any]:
    after = [one.activities for one in found if one.verdict is not None]
    if len(after) < 2:
        return {"found": len(after), "of": len(found)}
    return {
        "found": len(after),
        "of": len(found),
        "after_median": round(median(after)),
        "after_p95": round(quantiles(after, n=20)[-1]),
    }


def main() -> None:
    """Simulate, and say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    report = {
        "activities_of_a_day": DAY,
        "false_alarms": false_alarms(given.days),
        "within": WITHIN,
        "bad_canaries": detection(given.runs),
        "python": sys.version.split()[0],
    }
    if given.save is not None:
        given.save.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
