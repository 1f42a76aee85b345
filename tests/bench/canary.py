"""How often the tests of a canary sound a false alarm in a day, how soon they find a bad one: JSON as the last line.

``python tests/bench/canary.py --save docs/benchmarks/canary.json``: about five minutes on two cores. All
is simulated and seeded.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.school_of_canaries import AT_ITS_BOUNDS, CanaryDay, Found, simulate

from streamproc.routing.guard import BEGINNINGS, FALSE_ALARMS

DAY = 2_000
"""Activities of the canary in a day without change."""

WITHIN = 2_000
"""Activities of the canary within which a fall of three points must be found."""

WORKERS = (1, 4)

QUIET = {"no change": CanaryDay(), "at its bounds": AT_ITS_BOUNDS}
FLEETS = ((1, 1), (4, 1), (16, 1), (4, BEGINNINGS))
"""Workers, and how often each of them starts in the day."""

BAD = {
    "falls 3 points": CanaryDay(fall=0.03),
    "falls 3 points, models disagree much": CanaryDay(fall=0.03, disagree=0.2),
    "falls 10 points": CanaryDay(fall=0.10),
    "fails on 5 %": CanaryDay(fails=0.05),
    "fails on all": CanaryDay(fails=1.0),
    "twice as slow": CanaryDay(slower=2.0),
    "five times as slow": CanaryDay(slower=5.0),
}


def false_alarms(days: int) -> list[dict[str, Any]]:
    """Days of canaries that keep their bounds, by how many workers share the tests and how often they start."""
    rows = []
    for name, day in QUIET.items():
        for workers, beginnings in FLEETS:
            found = _simulated(day, DAY, workers, range(days), beginnings)
            alarms = [one.verdict.what for one in found if one.verdict is not None]
            row = {"canary": name, "workers": workers, "starts_of_each": beginnings, "days": days}
            rows.append({**row, "alarms": len(alarms), "by": sorted(set(alarms))})
            print(rows[-1])
    return rows


def detection(runs: int) -> dict[str, Any]:
    """Bad canaries: how many of them are found within WITHIN activities, and after how many."""
    rows: dict[str, Any] = {}
    for name, day in BAD.items():
        for workers in WORKERS:
            found = _simulated(day, WITHIN, workers, range(1_000_000, 1_000_000 + runs))
            rows.setdefault(name, {})[str(workers)] = row = _row(found)
            print(f"{name}, {workers} workers: {row}")
    return rows


def _simulated(day: CanaryDay, activities: int, workers: int, seeds: range, beginnings: int = 1) -> list[Found]:
    with Pool() as pool:
        return pool.map(partial(simulate, day, activities, workers, beginnings=beginnings), seeds)


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
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    report = {
        "activities_of_a_day": DAY,
        "false_alarms_at_most": FALSE_ALARMS,
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
