"""How the limit on the work in flight behaves, in simulated time: a table, a picture, and JSON as the last line.

``python tests/bench/limiter.py --save docs/benchmarks/limiter.json --picture docs/images/limiter.svg``: half a minute.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from math import log10
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.gradient2 import Gradient2
from support.simulated_load import Fixed, Limits, Load

from streamproc.inference.limiter import Limiter

HALF_AN_HOUR = 1800.0
MINUTES = range(1, 31)
Make = Callable[[Callable[[], float]], Limits]


def ours(clock: Callable[[], float]) -> Limiter:
    """As a worker makes it, beginning at eight seconds of audio."""
    return Limiter(clock, least=1.0, most=10_000.0, start=8.0)


def fixed(limit: float) -> Make:
    """One that stays."""
    return lambda clock: Fixed(limit)


def steady(sizes: list[float]) -> float:
    return 0.1


def of_the_size(sizes: list[float]) -> float:
    return 0.002 + 0.01 * sum(sizes)


def of_the_batch(sizes: list[float]) -> float:
    return 0.008 + 0.001 * len(sizes)


def one_by_one(sizes: list[float]) -> float:
    return 0.006 * len(sizes)


def scattered() -> Callable[[list[float]], float]:
    rng = random.Random(1)
    return lambda sizes: 0.1 * rng.lognormvariate(-0.08, 0.4)


def lognormal() -> Callable[[], float]:
    rng = random.Random(1)
    return lambda: min(60.0, rng.lognormvariate(1.3, 1.0))


SCENES: dict[str, tuple[Callable[[], dict[str, Any]], list[float], float]] = {
    "2 servers of 100 ms": (lambda: {"service": steady, "instances": 2}, [2, 3, 4, 8, 200], HALF_AN_HOUR),
    "service times scatter (σ 0.4)": (lambda: {"service": scattered(), "instances": 2}, [3, 4, 8, 200], HALF_AN_HOUR),
    "requests of 1 to 60 s of audio": (
        lambda: {"service": of_the_size, "instances": 2, "size": lognormal()},
        [40, 80, 400, 800],
        HALF_AN_HOUR,
    ),
    "batches up to 32, 8 ms and 1 ms each": (
        lambda: {"service": of_the_batch, "most": 32, "away": 0.001},
        [16, 32, 48, 64, 96],
        300.0,
    ),
    "batches of no use, 6 ms a request, 1 ms away": (
        lambda: {"service": one_by_one, "most": 32, "away": 0.001},
        [2, 4, 8, 16, 32],
        300.0,
    ),
    "batches of no use, 6 ms a request, 12 ms away": (
        lambda: {"service": one_by_one, "most": 32, "away": 0.012},
        [2, 4, 8, 16, 32],
        300.0,
    ),
}


def measure(load: Load, until: float, best: float) -> dict[str, Any]:
    """What came of it after the first minute."""
    load.run(until)
    done = load.between(60, until)
    return {
        "of_best_fixed": round(load.rate_between(60, until) / best, 3),
        "queue_p50_ms": round(1000 * load.queueing(60, until, 0.5), 1),
        "queue_p99_ms": round(1000 * load.queueing(60, until), 1),
        "service_mean_ms": round(1000 * sum(one.computed for one in done) / len(done), 1),
        "service_longest_ms": round(1000 * max(one.computed for one in done), 1),
        "limit_at_the_end": round(load.limits[-1][1][0], 1),
    }


def settling(tells: bool) -> dict[str, Any]:
    """Seconds until four servers become two and four again, and the rate is within a twentieth of what they can do."""
    load = Load(steady, [ours], instances=4, tells=tells).run(100)
    found: dict[str, Any] = {}
    for name, servers, begin in (("halved_s", 2, 100), ("doubled_s", 4, 200)):
        load.server.resize(servers)
        load.run(begin + 100)
        good = [
            load.rate_between(second, second + 1) >= 0.95 * servers / 0.1 and load.queueing(second, second + 1) <= 0.101
            for second in range(begin, begin + 40)
        ]
        found[name] = next(second for second in range(40) if all(good[second : second + 5]))
    return found


def sharing(workers: int) -> dict[str, Any]:
    """16 servers of 100 ms; the first worker has had them alone."""
    makers: list[Make] = [
        lambda clock, start=start: Limiter(clock, least=1.0, most=10_000.0, start=start)  # type: ignore[misc]
        for start in [64.0, *[1.0] * (workers - 1)]
    ]
    load = Load(steady, makers, instances=16).run(600)
    served = [sum(one.seconds for one in load.between(300, 600) if one.worker == each) for each in range(workers)]
    return {
        "of_capacity": round(load.rate_between(60, 600) / 160, 3),
        "queue_p99_ms": round(1000 * load.queueing(60, 600), 1),
        "least_over_most": round(min(served) / max(served), 2),
    }


def picture(lines: dict[str, list[float]]) -> str:
    """Queueing by minute on a logarithmic scale, as SVG."""
    width, height, left, top = 640, 300, 70, 30
    colours = ("#c0392b", "#2471a3", "#7fb3d5")

    def x(minute: float) -> float:
        return left + (width - left - 20) * minute / 30

    def y(seconds: float) -> float:
        # 0.03 s at the bottom, 30 s at the top.
        return top + (height - top - 45) * (1 - (log10(max(seconds, 0.03)) - log10(0.03)) / 3)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="18">Seconds in the queue of two servers of 100 ms, 99th percentile of each minute</text>',
    ]
    for seconds in (0.1, 1.0, 10.0):
        parts.append(f'<path d="M{left} {y(seconds):.1f}H{width - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(seconds) + 4:.1f}" text-anchor="end">{seconds:g} s</text>')
    for minute in (0, 10, 20, 30):
        parts.append(f'<text x="{x(minute):.1f}" y="{height - 22}" text-anchor="middle">{minute} min</text>')
    for number, (name, values) in enumerate(lines.items()):
        path = "L".join(f"{x(minute):.1f} {y(value):.1f}" for minute, value in zip(MINUTES, values, strict=True))
        dashed = ' stroke-dasharray="5 4"' if number == 2 else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{colours[number]}" stroke-width="2"{dashed}/>')
        last = y(values[14]) - 8 if number == 0 else y(values[-1]) + (18 if number == 1 else -8)
        parts.append(f'<text x="{x(15):.1f}" y="{last:.1f}" fill="{colours[number]}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"scenes": {}}
    drawn: dict[str, list[float]] = {}
    for scene, (make, limits, until) in SCENES.items():
        best = max(Load(limiters=[fixed(limit)], **make()).run(120).rate_between(20, 120) for limit in limits)
        rows: dict[str, tuple[Make, bool]] = {"told": (ours, True), "probed": (ours, False)}
        if scene == "2 servers of 100 ms":
            rows = {"gradient2": (Gradient2, False), **rows}
        for name, (limits_of, tells) in rows.items():
            load = Load(limiters=[limits_of], tells=tells, **make())
            row = measure(load, until, best)
            found["scenes"].setdefault(scene, {})[name] = row
            print(f"{scene:38} {name:10}", *(f"{key} {value}" for key, value in row.items()))
            if scene == "2 servers of 100 ms":
                title = {"gradient2": "Gradient2", "told": "told by the server", "probed": "probing"}[name]
                drawn[title] = [load.queueing(60.0 * (minute - 1), 60.0 * minute) for minute in MINUTES]
    found["settling"] = {"told": settling(True), "probed": settling(False)}
    found["sharing"] = {str(workers): sharing(workers) for workers in (2, 4, 8)}
    if arguments.save:
        arguments.save.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    if arguments.picture:
        arguments.picture.write_text(picture(drawn))
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
