"""What the operator's page costs the worker that serves it, while it has more to do than it can.

    python tests/bench/page.py [--pairs 3] [--save docs/benchmarks/page.json]

The scene is that of tests/bench/worker.py: one worker on one core, a backlog that never ends, a server that answers at
once. In turn nobody looks, and ten do: all of them with the live picture, one of them with the list of results too,
asked for every two seconds. ``cpu_ms_per_activity`` and ``per_s`` are of both; ``costs_percent`` is how much more
processor time an activity takes while ten look on, the median of the pairs: rates would tell of the neighbours first.
Prints one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support import mix
from support.machine import machine
from support.scene import RESULTS, cpu_seconds, other_core, pinned_worker, scene
from support.stand_in.stand_in import StandIn
from support.worker_process import WorkerProcess

from streamproc.web.console.watch import UNWATCHED_S

WARM_UP = 500
PER_SECOND = 120
LOOKERS = 10
WINDOW_S = 10.0
SETTLE_S = 3.0
"""After somebody has begun to look: the first picture reads what came before."""


@contextmanager
def lookers(worker: WorkerProcess) -> Iterator[None]:
    """So many look on inside the block."""
    over = threading.Event()
    base = f"http://127.0.0.1:{worker.port}/console/api/"
    threads = [threading.Thread(target=_look, args=(base, over), daemon=True) for _ in range(LOOKERS)]
    threads.append(threading.Thread(target=_list, args=(base, over), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def _look(base: str, over: threading.Event) -> None:
    with urllib.request.urlopen(f"{base}live", timeout=30) as stream:
        while not over.is_set():
            stream.readline()


def _list(base: str, over: threading.Event) -> None:
    while not over.wait(2.0):
        urllib.request.urlopen(f"{base}results?limit=50", timeout=30).read()


def window(worker: WorkerProcess) -> dict[str, float]:
    """The worker's figures over WINDOW_S."""

    def reading() -> tuple[float, float, float]:
        return time.perf_counter(), cpu_seconds(worker.pid), worker.metric(RESULTS)

    before = reading()
    time.sleep(WINDOW_S)
    wall, cpu, results = (late - early for early, late in zip(before, reading(), strict=True))
    return {"cpu_ms_per_activity": round(1000 * cpu / results, 3), "per_s": round(results / wall, 1)}


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--save", type=Path, help="file that figures and machine are written to")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    nobody, ten = [], []
    with tempfile.TemporaryDirectory() as name, scene(Path(name)) as stage:
        activities = mix.demo_mix(stage.clips)
        clips = mix.decoded_clips(activities)
        recorded = stage.folder / "recorded.npz"
        mix.record_answers(recorded, clips, mix.heard(clips))
        seconds = arguments.pairs * (2 * WINDOW_S + SETTLE_S + UNWATCHED_S + 3)
        stage.publish(mix.again_and_again(activities, WARM_UP + round(PER_SECOND * seconds)))
        with StandIn(recorded=recorded, cpu=other_core()) as server:
            settings = {**stage.settings(server.address), "STREAMPROC_CONSOLE__LOCAL": "true"}
            with pinned_worker(settings, stage.folder / "worker.log") as worker:
                worker.wait_for(lambda: worker.metric(RESULTS) >= WARM_UP, f"{WARM_UP} results", 120)
                for _ in range(arguments.pairs):
                    nobody.append(window(worker))
                    with lookers(worker):
                        time.sleep(SETTLE_S)
                        ten.append(window(worker))
                    time.sleep(UNWATCHED_S + 1)
                assert worker.metric("streamproc_in_flight") > 1, "the backlog has ended"
    cost = "cpu_ms_per_activity"
    costs = [100 * (on[cost] / off[cost] - 1) for off, on in zip(nobody, ten, strict=True)]
    found: dict[str, Any] = {
        "nobody": nobody,
        "ten": ten,
        "costs_percent": round(statistics.median(costs), 1),
    }
    if arguments.save:
        arguments.save.write_text(json.dumps({"machine": machine(load), **found}, indent=2) + "\n")
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
