"""How long an outcome takes at low rates: from `send` to the hands of a read_committed reader.

    python tests/bench/latency.py [--bootstrap HOST:PORT] [--rates 10,100] [--save docs/benchmarks/latency.json]

One worker, its settings the defaults, copies a topic of three partitions. Each rate has a worker and topics of its own;
the two slowest run side by side, since both are mostly waiting. Progress goes to stderr. The last line of stdout is a
JSON object, ``{"0.2": {"n", "p50_ms", "p99_ms"}, …}``. Takes five minutes; without --bootstrap a Kafka is started.

Exits with 1 if a rate's 99th percentile is 300 ms or more: a user would see the wait.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.fleet import Fleet
from support.judge import Judge
from support.machine import machine, versions
from support.plan import new_plan

from bench.transport_bench import kafka

PARTITIONS = 3
LIMIT_MS = 300.0
#: Events by rate (events a second): enough for a percentile, or as many as there is patience for.
EVENTS = {0.2: 20, 1.0: 200, 10.0: 200, 100.0: 200}
SIDE_BY_SIDE = (0.2, 1.0)
#: Before the measured ones: the worker's first assignment, connections and metadata.
WARM_UP = 3


class Reading(threading.Thread):
    """Reads outcomes as downstream does, all the time."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.judge = Judge(bootstrap, topic, partitions=PARTITIONS)
        self._over = threading.Event()

    def run(self) -> None:
        """Until closed."""
        while not self._over.is_set():
            self.judge.read_next(0.1)

    def close(self) -> None:
        """Let go of the connection."""
        self._over.set()
        self.join()
        self.judge.close()


def waits(bootstrap: str, rate: float, count: int) -> list[float]:
    """Milliseconds from the send to the reader's hands, for so many events at this rate, ascending."""
    plan = new_plan(bootstrap, "latency", {"commit_interval": 0.1}, partitions=PARTITIONS, exact_work=0.0)
    reading = Reading(bootstrap, plan.sink)
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    sent: dict[int, float] = {}

    def send(number: int) -> None:
        sent[number] = time.time()
        producer.produce(plan.source, key=b"%d" % number, value=b"%d" % number)
        # Nothing waits for the next event: it is on its way.
        assert producer.flush(30) == 0

    reading.start()
    with tempfile.TemporaryDirectory() as folder, Fleet(plan, Path(folder)) as fleet:
        fleet.start("bench")
        fleet.wait_ready()
        for number in range(WARM_UP):
            send(-1 - number)
        started = time.monotonic() + 1.0
        told = started
        for number in range(count):
            time.sleep(max(0.0, started + number / rate - time.monotonic()))
            send(number)
            if time.monotonic() - told > 20:
                told = time.monotonic()
                print(f"{rate:g}/s: {number + 1} of {count} sent", file=sys.stderr, flush=True)
        deadline = time.monotonic() + 60
        while len(reading.judge.first_seen) < count + WARM_UP:
            fleet.check_alive()
            assert time.monotonic() < deadline, f"{len(reading.judge.first_seen)} of {count + WARM_UP} outcomes"
            time.sleep(0.05)
    reading.close()
    return sorted((reading.judge.first_seen[number] - sent[number]) * 1000 for number in range(count))


def summary(found: list[float]) -> dict[str, float]:
    """Their number and percentiles; of few, the 99th is the highest."""
    percentiles = statistics.quantiles(found, n=100, method="inclusive")
    return {
        "n": len(found),
        "p50_ms": round(percentiles[49], 1),
        "p99_ms": round(percentiles[98] if len(found) >= 100 else found[-1], 1),
    }


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="a Kafka to use; without it one is started")
    parser.add_argument("--rates", default=",".join(map("{:g}".format, EVENTS)), help="events a second")
    parser.add_argument("--save", type=Path, help="file that figures, machine and versions are written to")
    arguments = parser.parse_args()
    rates = [float(rate) for rate in arguments.rates.split(",")]
    load = os.getloadavg()[0]
    found: dict[float, dict[str, float]] = {}

    def measure(rate: float) -> None:
        count = EVENTS.get(rate, 200)
        print(f"{rate:g}/s: {count} events, {count / rate:.0f} s", file=sys.stderr, flush=True)
        found[rate] = summary(waits(bootstrap, rate, count))
        print(f"{rate:g}/s: {found[rate]}", file=sys.stderr, flush=True)

    with kafka(arguments.bootstrap) as bootstrap:
        with ThreadPoolExecutor(len(SIDE_BY_SIDE)) as threads:
            list(threads.map(measure, [rate for rate in rates if rate in SIDE_BY_SIDE]))
        for rate in rates:
            if rate not in SIDE_BY_SIDE:
                measure(rate)
    result = {f"{rate:g}": found[rate] for rate in rates}
    if arguments.save:
        described: dict[str, Any] = {
            "machine": machine(load),
            "versions": versions(),
            "partitions": PARTITIONS,
            "limit_p99_ms": LIMIT_MS,
            "by_events_per_s": result,
        }
        arguments.save.write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(result), flush=True)
    slow = [rate for rate, figures in result.items() if figures["p99_ms"] >= LIMIT_MS]
    if slow:
        print(f"p99 of {LIMIT_MS:g} ms or more at {', '.join(slow)} events/s", file=sys.stderr)
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
