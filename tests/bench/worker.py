"""What an activity costs the worker: the whole of it on one core, with a real Kafka and a server that costs nothing.

    python tests/bench/worker.py [--seconds 15] [--save docs/benchmarks/worker.json]

One worker process with the default settings, pinned to one core, works on a backlog of the demonstration's mix (two
clips, 4.4 s; WAV, FLAC and OGG from 16 to 96 kHz). Kafka, registry and the server are on the other core; the server
stands in for Triton and answers at once with the logits that the model gave for these clips (tests/support/stand_in).
The processor time of the whole process over a time in which the backlog never ends, by the results of that time, is
``cpu_ms_per_activity``: polling, transactions and gRPC included. Of several such times the cheapest counts.

``stages`` say where it goes, in milliseconds of processor time an activity: each stage alone, afterwards, in a process
without a worker. ``hops``: what scoring costs beyond its stages, threads and tasks; ``inference``: the engine's call of
the stand-in; ``rest``: what remains of the whole, that is Kafka and its transactions, the event loop, logs.

``pages_ms``: how long /metrics takes meanwhile, of a worker that has more to do than it can, and /health/live, which
waits for the event loop alone: the median of some, and what 95 % of them stay within. Prints a table and, as the last
line, one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support import mix
from support.machine import machine, versions
from support.scene import LETTERS, RESULTS, Scene, cpu_seconds, other_core, pinned_worker, scene
from support.stand_in.stand_in import StandIn
from support.worker_process import WorkerProcess

from bench.stages import stages
from streamproc.settings import load as load_settings

WARM_UP = 500
"""Results before anything is counted: caches, connections, the first fetches."""
PACKAGES = ("numpy", "soxr", "soundfile", "grpcio", "tritonclient", "fastavro")
WINDOWS = 5
"""Times that are measured one after the other. The cheapest counts: the rest is what neighbours cost."""
SCRAPES = 40
PAGES = ("/metrics", "/health/live")
PER_SECOND = 250
"""More than the worker can do: the backlog is made for it."""


def whole(
    scene: Scene, server: StandIn, seconds: float, watch: Callable[[int], Any]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Processor time and rate of a worker that has more to do than it can, in the cheapest of WINDOWS times.

    And its pages.
    """
    with pinned_worker(scene.settings(server.address), scene.folder / "worker.log") as worker:
        worker.wait_for(lambda: worker.metric(RESULTS) >= WARM_UP, f"{WARM_UP} results", 120)
        watch(worker.pid)
        windows = []
        before = _reading(worker)
        for _ in range(WINDOWS):
            time.sleep(seconds / WINDOWS)
            after = _reading(worker)
            wall, cpu, results = (late - early for early, late in zip(before, after, strict=True))
            windows.append(
                {
                    "cpu_ms_per_activity": round(1000 * cpu / results, 3),
                    "per_s": round(results / wall, 1),
                    "of_a_core": round(cpu / wall, 3),
                }
            )
            before = after
        pages = pages_ms(worker)
        assert worker.metric(LETTERS) == 0, "the mix has dead letters"
        assert worker.metric("streamproc_in_flight") > 1, "the backlog has ended"
    return min(windows, key=lambda window: window["cpu_ms_per_activity"]), pages


def pages_ms(worker: WorkerProcess) -> dict[str, list[float]]:
    """How long each page takes: the median, and what 95 % stay within."""
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    for _ in range(SCRAPES):
        for page in PAGES:
            time.sleep(0.05)
            began = time.perf_counter()
            worker.page(page)
            times[page].append(round((time.perf_counter() - began) * 1000, 1))
    return {page: [sorted(taken)[SCRAPES // 2], sorted(taken)[SCRAPES * 95 // 100]] for page, taken in times.items()}


def _reading(worker: WorkerProcess) -> tuple[float, float, float]:
    """The time, the processor time that the worker has used, and its results."""
    return time.perf_counter(), cpu_seconds(worker.pid), worker.metric(RESULTS)


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="that are counted")
    parser.add_argument("--save", type=Path, help="file that figures, machine and versions are written to")
    parser.add_argument("--watch", help="a command run meanwhile, with the worker's process id for {pid}")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]

    def watch(pid: int) -> None:
        if arguments.watch:
            os.system(arguments.watch.replace("{pid}", str(pid)))

    with tempfile.TemporaryDirectory() as name, scene(Path(name)) as stage:
        activities = mix.demo_mix(stage.clips)
        clips = mix.decoded_clips(activities)
        logits = mix.heard(clips)
        recorded = stage.folder / "recorded.npz"
        mix.record_answers(recorded, clips, logits)
        backlog = WARM_UP + round(PER_SECOND * (arguments.seconds + SCRAPES * 0.3))
        stage.publish(mix.again_and_again(activities, backlog))
        with StandIn(recorded=recorded, cpu=other_core()) as server:
            found, pages = whole(stage, server, arguments.seconds, watch)
            os.environ |= stage.settings(server.address)
            topics = (stage.topics.activities, stage.topics.results)
            costs = asyncio.run(stages(topics, load_settings(), activities, clips, logits))
    costs["rest"] = found["cpu_ms_per_activity"] - sum(costs.values())
    seconds = sum(len(clip) for each in clips for clip in each) / 16_000 / len(activities)
    result = {
        "cpu_ms_per_activity": found["cpu_ms_per_activity"],
        "per_s": found["per_s"],
        "pages_ms": pages,
        "stages": {stage: round(ms, 3) for stage, ms in costs.items()},
    }
    for name, ms in costs.items():
        print(f"{name:12} {ms:7.3f} ms")
    for page, (median, most) in pages.items():
        print(f"{page:12} {median:5.1f} ms, 95 % within {most:.1f}")
    print(
        f"{'whole':12} {found['cpu_ms_per_activity']:7.3f} ms, {found['per_s']:g} activities/s, "
        f"{100 * found['of_a_core']:.0f} % of the core"
    )
    if arguments.save:
        described: dict[str, Any] = {
            "machine": machine(load),
            "versions": versions(
                **{name: version(name) for name in ("numpy", "soxr", "soundfile", "grpcio", "tritonclient")}
            ),
            "mix": {"activities": len(activities), "clips": 2, "seconds": round(seconds, 2)},
            "seconds": arguments.seconds,
            "of_a_core": found["of_a_core"],
            **result,
        }
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
