"""Whether `streamproc plan capacity` is right: what it says beforehand, and what the real pipeline then does.

    python tests/bench/capacity.py [--seconds 12] [--save docs/benchmarks/capacity.json]

First what it plans with is measured, each by itself. A worker with a server that answers at once: processor time an
activity, and how much of it grows with the audio (bench/worker.py says how). A real Triton, driven directly: seconds of
audio a second. Then a worker with the default settings works on a backlog, with a real Kafka and that Triton: what it
does is compared with what one worker and one Triton were planned to do at the most. This is done for the
demonstration's mix, which the costs were measured with, and for activities of another length, which they were not.

Worker and Kafka share one core, Triton has the other. A plan gives a worker a core of its own; what Kafka takes of this
one is measured and taken off.

Prints a table and, as the last line, one JSON object. The exit code is 1 where a plan is wrong by more than WITHIN.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import psutil
from support import mix
from support.machine import machine, versions
from support.scene import RESULTS, WARM_UP_S, WORKER_CORE, Scene, busy_worker, cpu_seconds, other_core, scene
from support.stand_in.stand_in import StandIn

from bench.driving import ceiling
from bench.served import real_triton
from bench.stages import stages
from streamproc.audio.decode import SAMPLE_RATE, Samples
from streamproc.contracts.generated.events import Activity
from streamproc.deployment.capacity import Capacity, Costs, Load, Prices, of_benchmark, plan
from streamproc.settings import load as load_settings

WITHIN = 0.25
DRIVEN_S = 2.0
LONG_S = 10.0
"""Seconds of audio of the other activities: a little more than twice the mix'."""
MOST_PER_S = 260.0
"""More than the worker can do, with a server that answers at once; backlogs are made for it."""


def kafka_seconds() -> float:
    """Processor time that the stack's Kafka has used."""
    return sum(
        cpu_seconds(process.pid)
        for process in psutil.Process().children(recursive=True)
        if "kafka.Kafka" in process.cmdline()
    )


def saturated(stage: Scene, address: str, seconds: float) -> dict[str, float]:
    """A worker with a backlog: activities a second, and processor time an activity, its own and Kafka's."""
    with busy_worker(stage, address) as worker:

        def reading() -> tuple[float, float, float, float]:
            return time.perf_counter(), worker.metric(RESULTS), cpu_seconds(worker.pid), kafka_seconds()

        early = reading()
        time.sleep(seconds)
        wall, results, own, kafka = (late - before for late, before in zip(reading(), early, strict=True))
    return {"per_s": results / wall, "worker_ms": 1000 * own / results, "kafka_ms": 1000 * kafka / results}


def publish(stage: Scene, activities: Sequence[Activity], per_s: float, seconds: float) -> None:
    """A backlog that lasts."""
    count = round((WARM_UP_S + seconds + 4) * per_s * 1.3)
    stage.publish(mix.again_and_again(activities, count))


def measured_costs(
    stage: Scene, activities: Sequence[Activity], clips: Sequence[Sequence[Samples]], seconds: float
) -> tuple[Costs, float]:
    """What a worker costs, the Triton's speed still unknown; and what Kafka takes of its core, in ms an activity."""
    logits = mix.heard(clips)
    recorded = stage.folder / "recorded.npz"
    mix.record_answers(recorded, clips, logits)
    publish(stage, activities, MOST_PER_S, seconds)
    with StandIn(recorded=recorded, cpu=other_core()) as server:
        found = saturated(stage, server.address, seconds)
        os.environ |= stage.settings(server.address)
        topics = (stage.topics.activities, stage.topics.results)
        told = asyncio.run(stages(topics, load_settings(), activities, clips, logits))
    benchmark = {
        "stages": told,
        "mix": {"seconds": audio_seconds(clips)},
        "cpu_ms_per_activity": found["worker_ms"],
    }
    return of_benchmark(benchmark, 1.0), found["kafka_ms"]


def audio_seconds(clips: Iterable[Sequence[Samples]]) -> float:
    """Of an activity, on average."""
    lengths = [sum(map(len, each)) for each in clips]
    return sum(lengths) / len(lengths) / SAMPLE_RATE


def planned(costs: Costs, audio_s: float) -> Capacity:
    """One worker and one Triton."""
    found = plan(Load(0.001, 0.001, audio_s), costs, Prices(0, 0), spare=0)
    assert (found.workers, found.tritons) == (1, 1)
    return found


def pair(
    stage: Scene, address: str, activities: Sequence[Activity], costs: Costs, audio_s: float, seconds: float
) -> dict[str, Any]:
    """What was planned, and what came of it."""
    before = planned(costs, audio_s)
    stage.renew()
    publish(stage, activities, before.most_per_s, seconds)
    found = saturated(stage, address, seconds)
    return {
        "audio_s": round(audio_s, 2),
        "bound_by": "worker" if before.worker_per_s <= before.most_per_s else "triton",
        "planned_per_s": round(before.most_per_s, 1),
        "measured_per_s": round(found["per_s"], 1),
        "error": round(before.most_per_s / found["per_s"] - 1, 3),
    }


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="that results are counted, each time")
    parser.add_argument("--save", type=Path, help="file that figures, machine and versions are written to")
    arguments = parser.parse_args()
    load, seconds = os.getloadavg()[0], arguments.seconds
    with tempfile.TemporaryDirectory() as name, scene(Path(name), WORKER_CORE) as stage:
        activities = mix.demo_mix(stage.clips)
        clips = mix.decoded_clips(activities)
        costs, kafka_ms = measured_costs(stage, activities, clips, seconds / 2)
        longer = mix.of_seconds(activities, clips, LONG_S, stage.clips / "longer.wav")
        with real_triton(stage.folder / "triton") as address:
            most = ceiling(address, [clip for each in clips for clip in each], DRIVEN_S)
            speed = most.clips_per_s * audio_seconds(clips) / len(clips[0])
            costs = replace(costs, fixed_ms=costs.fixed_ms + kafka_ms, triton_speed=speed)
            pairs = {
                "demo mix": pair(stage, address, activities, costs, audio_seconds(clips), seconds),
                f"{LONG_S:g} s": pair(stage, address, [longer], costs, LONG_S, seconds),
            }
    print(f"{'activities':12} {'audio s':>8} {'planned/s':>10} {'measured/s':>11} {'error':>7}  bound by")
    for what, row in pairs.items():
        print(
            f"{what:12} {row['audio_s']:8.2f} {row['planned_per_s']:10.1f} {row['measured_per_s']:11.1f} "
            f"{row['error']:+7.1%}  {row['bound_by']}"
        )
    worst = max((row["error"] for row in pairs.values()), key=abs)
    result = {"worst_error": worst, "within": WITHIN, "pairs": pairs}
    if arguments.save:
        described: dict[str, Any] = {
            "machine": machine(load),
            "versions": versions(),
            "costs": {
                "fixed_ms": round(costs.fixed_ms, 3),
                "of_which_kafka_ms": round(kafka_ms, 3),
                "per_audio_second_ms": round(costs.per_audio_second_ms, 3),
                "triton_speed": round(speed, 1),
                "triton_asked_with": {"clips": most.batch, "at_once": most.at_once},
            },
            "seconds": seconds,
            **result,
        }
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    return int(abs(worst) > WITHIN)


if __name__ == "__main__":
    sys.exit(main())
