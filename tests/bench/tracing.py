"""What traces cost the worker: switched off, and on for a tenth of the activities. In pairs.

    python tests/bench/tracing.py [--rounds 20] [--seconds 170] [--save docs/benchmarks/tracing.json]

The scene is that of tests/bench/worker.py: one worker on one core has more to do than it can, and the server behind it
costs it nothing. The worker (tests/bench/traced_worker.py) changes its state every second: without any of the code for
traces, with it but switched off, and on. Each round has each state once. What a state costs against another one is told
by their processor time an activity over all rounds, with an interval that 95 % of samples of as many rounds stay within
(bootstrap). A stand-in for a collector takes the spans on another core.

``agent``: the same comparison where its interval is narrow enough to tell: the worker's agent without Kafka
(tests/bench/traced_agent.py), in turns of one activity, for ``--seconds``.

``alone_us``: the same code by itself, processor microseconds an event: ``off``; ``unsampled`` and ``sampled`` with
traces on, making and encoding the spans included. ``alone_percent`` sets that against an activity's: what off costs,
and on at the ratio. It is free of what neighbours cost, which the worker's own figures are not.

Prints a table and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from faust.types import TP
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support import mix
from support.collector import collector, spans_of
from support.machine import machine, versions
from support.scene import LETTERS, WORKER_CORE, other_core, scene
from support.stand_in.stand_in import StandIn
from support.worker_process import WorkerProcess

from bench.traced_agent import judged, times
from bench.traced_worker import SETTLE_S, STATES
from streamproc.settings import load as load_settings
from streamproc.telemetry.resource import resource
from streamproc.telemetry.spans import span_of
from streamproc.telemetry.traces import Tracing
from streamproc.tracing import event as tracing_event
from streamproc.tracing.event import EventScope, SpanNote
from streamproc.tracing.request import request

WARM_UP = 500
SECONDS = 1.0
SAMPLES = 2_000
HEADERS = [("ce_id", b"order-66"), ("ce_type", b"streamproc.reading.Activity"), ("content-type", b"application/avro")]
PER_SECOND = 250
"""More than the worker can do: the backlog is made for it."""
RATIO = 0.1


def compared(windows: list[dict[str, Any]], state: str, base: str) -> dict[str, float]:
    """How much more a state costs than another one, in percent, and the interval."""
    rounds = [windows[begin : begin + len(STATES)] for begin in range(0, len(windows), len(STATES))]

    def more(chosen: list[list[dict[str, Any]]]) -> float:
        sums = {name: [0.0, 0.0] for name in STATES}
        for one in (window for each in chosen for window in each):
            sums[one["state"]][0] += one["cpu"]
            sums[one["state"]][1] += one["events"]
        costs = {name: cpu / events for name, (cpu, events) in sums.items()}
        return 100 * (costs[state] / costs[base] - 1)

    draw = Random(1)
    samples = sorted(more(draw.choices(rounds, k=len(rounds))) for _ in range(SAMPLES))
    low, high = samples[round(0.025 * SAMPLES)], samples[round(0.975 * SAMPLES)]
    return {"percent": round(more(rounds), 2), "from": round(low, 2), "to": round(high, 2)}


def medians(windows: list[dict[str, Any]]) -> dict[str, float]:
    """Processor milliseconds an activity, by state."""
    costs = {state: [one["cpu"] / one["events"] for one in windows if one["state"] == state] for state in STATES}
    return {state: round(1000 * statistics.median(found), 3) for state, found in costs.items()}


class Kept:
    """Stands in for the queue."""

    def __init__(self) -> None:
        self.notes: Sequence[SpanNote] = ()

    def put(self, notes: Sequence[SpanNote]) -> None:
        """The last event's."""
        self.notes = notes


def alone() -> dict[str, float]:
    """Processor microseconds an event: what the code for traces takes by itself."""
    source, kept = TP("reading.activity.v1", 0), Kept()

    def stages() -> None:
        for name in ("decode", "audio", "inference", "score"):
            with tracing_event.stage(name):
                pass

    def off() -> None:
        tracing_event.current.set(EventScope("order-66", "reading-1"))
        stages()

    def traced(tracing: Tracing) -> None:
        trace = tracing.begin(source.topic, HEADERS, 0.01)
        tracing_event.current.set(EventScope("order-66", "reading-1", trace))
        stages()
        with request("infer", [trace], {"server.address": "triton:8001"}):
            pass
        trace.child(trace.context)
        tracing.end(trace, source, 7, "COMPLETE", 1, "", {"streamproc.activity.id": "reading-1"})
        tracing.transaction("committed", "", 0, {source: [7]})

    def each_us(work: Callable[[], object], times: int) -> float:
        return min(timeit.repeat(work, number=times, repeat=7, timer=time.process_time)) / times * 1e6

    never, always = (Tracing(kept, ratio, 60.0, as_parent=False, group="workers") for ratio in (0.0, 1.0))
    found = {"off": each_us(off, 5_000), "unsampled": each_us(lambda: traced(never), 2_000)}
    sampled = each_us(lambda: traced(always), 2_000)
    trace = always.begin(source.topic, HEADERS, 0.01)
    tracing_event.current.set(EventScope("order-66", "reading-1", trace))
    stages()
    for name in ("send", "commit"):  # and the request's
        trace.note(replace(trace.notes[-1], name=name))
    always.end(trace, source, 7, "COMPLETE", 1, "", {})
    notes = list(kept.notes) * 60
    made = each_us(lambda: encode_spans([span_of(note, resource()) for note in notes]).SerializeToString(), 3) / 60
    return {**found, "sampled": sampled + made}


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=170.0, help="for which the agent by itself is measured")
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
        logits = mix.heard(clips)
        mix.record_answers(recorded, clips, logits)
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
            os.environ |= stage.settings(server.address)
            agent = asyncio.run(times(load_settings(), activities, clips, logits, arguments.seconds))
        windows = json.loads(file.read_text())
    cpu = medians(windows)
    by_itself = alone()
    on = (1 - RATIO) * by_itself["unsampled"] + RATIO * by_itself["sampled"]
    result = {
        "cpu_ms_per_activity": cpu,
        "off_against_none": compared(windows, "off", "none"),
        "on_against_off": compared(windows, "on", "off"),
        "agent": judged(agent, RATIO),
        "alone_us": {name: round(us, 1) for name, us in by_itself.items()},
        "alone_percent": {
            "off": round(by_itself["off"] / cpu["none"] / 10, 2),
            "on": round(on / cpu["none"] / 10, 2),
        },
        "ratio": RATIO,
        "spans": len(spans_of(bodies)),
        "dropped": dropped,
        "of_a_core": round(sum(one["cpu"] for one in windows) / sum(one["wall"] for one in windows), 3),
        "rounds": arguments.rounds,
        "seconds": SECONDS,
    }
    for state, ms in cpu.items():
        print(f"{state:5} {ms:7.3f} ms of processor time an activity")
    for name, found in (("worker", result), ("agent", result["agent"])):
        for pair in ("off_against_none", "on_against_off"):
            print(name, pair.replace("_", " "), "{percent:+.2f} % [{from:+.2f}, {to:+.2f}]".format(**found[pair]))
    if arguments.save:
        described = {"machine": machine(load), "versions": versions(), **result}
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
