"""What traces cost the worker: switched off, and on for a tenth of the activities. In pairs.

    python tests/bench/tracing.py [--rounds 10] [--save docs/benchmarks/tracing.json]

The scene is that of tests/bench/worker.py: one worker on one core has more to do than it can, and the server behind it
costs it nothing. The worker (tests/bench/traced_worker.py) changes its state every few seconds: without any of the
code for traces, with it but switched off, and on. Each round has each state once; what a state costs is the median,
over the rounds, of its processor time an activity against another state's in the same round; the quartiles tell the
spread. A stand-in for a collector takes the spans on another core. Prints a table and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.collector import collector, spans_of
from support.stand_in.stand_in import StandIn
from support.worker_process import WorkerProcess

from bench import mix
from bench.machine import machine, versions
from bench.scene import LETTERS, WORKER_CORE, other_core, scene
from bench.traced_worker import SETTLE_S, STATES

WARM_UP = 500
SECONDS = 2.0
PER_SECOND = 250
"""More than the worker can do: the backlog is made for it."""
RATIO = 0.1


def compared(windows: list[dict[str, Any]], state: str, base: str) -> dict[str, float]:
    """How much more a state costs than another one, in percent: the median over the rounds, and the quartiles."""
    rounds = [windows[begin : begin + len(STATES)] for begin in range(0, len(windows), len(STATES))]
    costs = [{one["state"]: one["cpu"] / one["events"] for one in each} for each in rounds]
    more = [100 * (each[state] / each[base] - 1) for each in costs]
    low, median, high = statistics.quantiles(more, n=4)
    return {"percent": round(median, 2), "from": round(low, 2), "to": round(high, 2)}


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--save", type=Path, help="file that figures, machine and versions are written to")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory() as name,
        scene(Path(name)) as stage,
        collector(200, "traces") as (address, bodies),
    ):
        activities = mix.demo_mix(stage.clips)
        clips = mix.decoded_clips(activities)
        recorded, file = stage.folder / "recorded.npz", stage.folder / "windows.json"
        mix.record_answers(recorded, clips, mix.heard(clips))
        seconds = arguments.rounds * len(STATES) * (SECONDS + SETTLE_S)
        stage.publish(mix.again_and_again(activities, WARM_UP + round(PER_SECOND * seconds)))
        with StandIn(recorded=recorded, cpu=other_core()) as server:
            settings = {
                **stage.settings(server.address),
                "STREAMPROC_TRACING__ENDPOINT": address,
                "STREAMPROC_TRACING__RATIO": str(RATIO),
                "BENCH_ROUNDS": str(arguments.rounds),
                "BENCH_SECONDS": str(SECONDS),
                "BENCH_WARM_UP": str(WARM_UP),
                "BENCH_FILE": str(file),
            }
            program = (str(Path(__file__).with_name("traced_worker.py")),)
            worker = WorkerProcess(settings, stage.folder / "worker.log", program)
            os.sched_setaffinity(worker.pid, {WORKER_CORE})
            try:
                worker.wait_for(file.exists, "figures", 120 + 2 * seconds)
                assert worker.metric(LETTERS) == 0, "the mix has dead letters"
                assert worker.metric("streamproc_in_flight") > 1, "the backlog has ended"
                dropped = worker.metric("streamproc_trace_spans_total", outcome="dropped")
            finally:
                worker.kill()
        windows = json.loads(file.read_text())
    cpu = {
        state: round(
            1000 * statistics.median(one["cpu"] / one["events"] for one in windows if one["state"] == state), 3
        )
        for state in STATES
    }
    result = {
        "cpu_ms_per_activity": cpu,
        "off_against_none": compared(windows, "off", "none"),
        "on_against_off": compared(windows, "on", "off"),
        "ratio": RATIO,
        "spans": len(spans_of(bodies)),
        "dropped": dropped,
        "of_a_core": round(sum(one["cpu"] for one in windows) / sum(one["wall"] for one in windows), 3),
        "rounds": arguments.rounds,
        "seconds": SECONDS,
    }
    for state, ms in cpu.items():
        print(f"{state:5} {ms:7.3f} ms of processor time an activity")
    if arguments.save:
        described = {"machine": machine(load), "versions": versions(), **result}
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
