"""Whether the worker is what a server waits for: the same server driven directly, and through the whole worker.

    python tests/bench/inference.py [--seconds 10] [--save docs/benchmarks/inference.json]

The server is alone on its core in both. Directly it is asked in several ways, with batches of like length and several
requests at once; the best is its *ceiling*. Then a worker with the default settings works on a backlog of the
demonstration's mix, with a real Kafka beside it on the other core. This is done with a server of fixed service time
(tests/support/stand_in: what it can do is known exactly, and it takes no processor time from others), and with the real
Triton, which runs the model on that core.

Then activities with a clip of five seconds come one by one, at a fifth of what the worker did with the real Triton, and
with a transaction every 50 ms: milliseconds from the send to a read_committed reader's hands. And the engines side by
side, by clip length and number of clips; those that are not installed are left out.

Prints tables and, as the last line, one JSON object: the figures of the server of fixed service time, and the waits.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support import mix
from support.machine import machine, versions
from support.percentiles import percentiles
from support.scene import (
    LETTERS,
    RESULTS,
    WARM_UP_S,
    WORKER_CORE,
    Scene,
    busy_worker,
    other_core,
    pinned_worker,
    scene,
)
from support.stand_in.behaviour import Behaviour
from support.stand_in.stand_in import StandIn

from bench import arrivals, engines
from bench.driving import ceiling
from bench.served import real_triton
from streamproc.audio.decode import Samples
from streamproc.contracts.generated.events import Activity
from streamproc.settings import load as load_settings

FIXED = Behaviour(servers=2, request_s=0.01, clip_s=0.03)
"""Two requests at once, 10 ms each and 30 ms a clip: 33 activities a second at the very most, well below what a worker
can do on a core that it shares with Kafka."""
CLIPS = 2
"""Of each activity."""
DRIVEN = 3.0
"""Seconds that each way to drive a server is tried."""
LATENCY = {"STREAMPROC_TRANSPORT__COMMIT_INTERVAL": "0.05"}
LOAD = 0.2
PACKAGES = ("numpy", "grpcio", "tritonclient", "onnxruntime", "torch")


def through_the_worker(stage: Scene, address: str, seconds: float) -> float:
    """Activities a second of a worker with a backlog."""
    with busy_worker(stage, address) as worker:
        first, at = worker.metric(RESULTS), time.perf_counter()
        time.sleep(seconds)
        last, until = worker.metric(RESULTS), time.perf_counter()
    return (last - first) / (until - at)


def both(stage: Scene, address: str, clips: Sequence[Samples], seconds: float) -> dict[str, Any]:
    """Directly and through the worker."""
    most = ceiling(address, clips, DRIVEN)
    best = most.clips_per_s / CLIPS
    worker = through_the_worker(stage, address, seconds)
    return {
        "ceiling_per_s": round(best, 1),
        "ceiling_with": {"clips": most.batch, "at_once": most.at_once},
        "worker_per_s": round(worker, 1),
        "ratio": round(worker / best, 3),
    }


def waits(stage: Scene, address: str, activity: Activity, rate: float, seconds: float) -> dict[str, float]:
    """How long results take at this rate."""
    with pinned_worker({**stage.settings(address), **LATENCY}, stage.folder / "worker.log") as worker:
        many = mix.again_and_again([activity], 1_000_000, "latency")
        found = arrivals.waits(stage, many, rate, seconds)
        assert worker.metric(LETTERS) == 0
    return percentiles(found)


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="that results are counted, with each server")
    parser.add_argument("--save", type=Path, help="file that figures, machine and versions are written to")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    seconds = arguments.seconds
    with tempfile.TemporaryDirectory() as name, scene(Path(name), WORKER_CORE) as stage:
        activities = mix.demo_mix(stage.clips)
        decoded = mix.decoded_clips(activities)
        clips = [clip for each in decoded for clip in each]
        recorded = stage.folder / "recorded.npz"
        mix.record_answers(recorded, decoded, mix.heard(decoded))

        def backlog(per_s: float) -> None:
            stage.publish(mix.again_and_again(activities, round((WARM_UP_S + 2 * seconds + 5) * per_s)))

        with StandIn(FIXED, recorded=recorded, cpu=other_core()) as server:
            backlog(40)
            # Its requests are long: in a short time a few more or less of them count for much.
            fixed = both(stage, server.address, clips, 2 * seconds)
        with real_triton(stage.folder / "triton") as address:
            stage.renew()
            backlog(80)
            real = both(stage, address, clips, seconds)
            stage.renew()
            rate = LOAD * real["worker_per_s"]
            latency = waits(stage, address, mix.of_five_seconds(activities, decoded), rate, 2 * seconds)
            os.environ |= stage.settings(address)
            side_by_side = engines.measure(load_settings(), mix.MODELS)
    print(f"{'server':14} {'ceiling/s':>10} {'worker/s':>10} {'ratio':>6}")
    for server_name, row in (("fixed service", fixed), ("real Triton", real)):
        print(f"{server_name:14} {row['ceiling_per_s']:10.1f} {row['worker_per_s']:10.1f} {row['ratio']:6.3f}")
    print(f"\nat {rate:.1f} activities/s, one clip of 5 s each: {latency}\n")
    print(f"{'engine':8} {'clip s':>7} {'clips':>6} {'ms':>9} {'clips/s':>8}")
    for engine, rows in side_by_side.items():
        for row in rows:
            a_second = 1000 * row["clips"] / row["ms"]
            print(f"{engine:8} {row['seconds']:7.1f} {row['clips']:6.0f} {row['ms']:9.2f} {a_second:8.1f}")
    result = {key: fixed[key] for key in ("ceiling_per_s", "worker_per_s", "ratio")} | latency
    if arguments.save:
        described: dict[str, Any] = {
            "machine": machine(load),
            "versions": versions(**_versions()),
            "fixed": fixed,
            "triton": real,
            "latency": {"per_s": round(rate, 1), "clip_s": 5.0, "commit_interval_s": 0.05, **latency},
            "engines_ms": side_by_side,
            **result,
        }
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    return 0


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


if __name__ == "__main__":
    sys.exit(main())
