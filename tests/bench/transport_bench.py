"""How fast `rdkafka://` is in streamproc's agent style: throughput, added latency, memory.

    python tests/bench/transport_bench.py [--bootstrap HOST:PORT] [--save docs/benchmarks/transport.json]

Prints a table and, as the last line, one JSON object. Every worker is a process of its own; rates come from the
timestamps of the read_committed output, after a warm-up. Without --bootstrap a Kafka is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
from confluent_kafka import Producer
from faust.types.tuples import Message

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.feeding import feed
from support.fleet import Fleet
from support.judge import Judge
from support.machine import machine, versions
from support.plan import new_plan

from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.processes import ProcessRef

PARTITIONS = 4
PAYLOAD = 200


@contextlib.contextmanager
def kafka(bootstrap: str | None) -> Iterator[str]:
    """The given Kafka, or one for this run."""
    if bootstrap is not None:
        yield bootstrap
        return
    with tempfile.TemporaryDirectory() as folder:
        part = KafkaPart(Path(folder) / "kafka")
        part.start()
        try:
            yield part.address
        finally:
            part.stop()


def rate(timestamps: list[float], warm_up: float) -> float:
    """Events per second after ``warm_up`` seconds."""
    ordered = sorted(timestamps)
    kept = [at for at in ordered if at >= ordered[0] + warm_up]
    return (len(kept) - 1) / (kept[-1] - kept[0])


def throughput(bootstrap: str, name: str, events: int, *, work: float, concurrency: int, warm_up: float) -> float:
    """Events per second of one worker that copies a preloaded topic."""
    # As streamproc's worker runs; the driver's own default leaves the process alone.
    settings = {"ordering": "unordered", "commit_interval": 0.1, "tune_gc": True}
    plan = new_plan(
        bootstrap, name, settings, partitions=PARTITIONS, exact_work=work, concurrency=concurrency, log_calls=False
    )
    feed(bootstrap, plan.source, range(events), keys=10_000, pad=PAYLOAD)
    judge = Judge(bootstrap, plan.sink, partitions=PARTITIONS)
    with tempfile.TemporaryDirectory() as folder, Fleet(plan, Path(folder)) as fleet:
        fleet.start("bench")
        judge.wait_for(events, 600, fleet.check_alive)
    judge.close()
    return rate(list(judge.timestamps.values()), warm_up)


def from_memory(events: int, *, work: float, concurrency: int, warm_up: float) -> float:
    """Events per second of the same agent body fed from memory: the most that its concurrency allows."""

    async def run() -> float:
        app = faust.App("memory", broker="rdkafka://127.0.0.1:9", value_serializer="raw")
        free = asyncio.Semaphore(concurrency)
        finished: list[float] = []

        async def handle(event: Any) -> None:
            await asyncio.sleep(work)
            finished.append(time.monotonic())
            free.release()

        async with asyncio.TaskGroup() as group:
            for number in range(events):
                await free.acquire()
                message = Message("memory", 0, number, time.time(), 0, None, b"%d" % number, bytes(PAYLOAD), None)
                event = app.create_event(message.key, message.value, None, message)
                group.create_task(handle(event))
        return rate(finished, warm_up)

    return asyncio.run(run())


def latency(bootstrap: str, per_second: int, seconds: int) -> dict[str, float]:
    """Milliseconds from publishing an event to reading its outcome, read_committed, with a 50 ms commit interval."""
    plan = new_plan(bootstrap, "latency", {"commit_interval": 0.05}, partitions=PARTITIONS, exact_work=0.0)
    judge = Judge(bootstrap, plan.sink, partitions=PARTITIONS)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    sent: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, Fleet(plan, Path(folder)) as fleet:
        fleet.start("bench")
        fleet.wait_ready()
        started = time.monotonic()
        for number in range(per_second * seconds):
            due = started + number / per_second
            while (left := due - time.monotonic()) > 0:
                judge.read(min(left, 0.002))
            sent[number] = time.time()
            producer.produce(plan.source, key=b"%d" % number, value=b"%d" % number)
            producer.poll(0)
        producer.flush(10)
        judge.wait_for(len(sent), 60, fleet.check_alive)
    judge.close()
    # The first seconds hold the worker's first fetches.
    waits = sorted((judge.first_seen[number] - at) * 1000 for number, at in sent.items() if number >= 3 * per_second)
    percentiles = statistics.quantiles(waits, n=1000)
    return {"p50": round(percentiles[499], 1), "p99": round(percentiles[989], 1), "max": round(waits[-1], 1)}


def memory(bootstrap: str, first: int, last: int) -> dict[str, float]:
    """Resident memory, in MiB, of one worker after ``first`` and ``last`` events."""
    plan = new_plan(
        bootstrap,
        "memory",
        {"ordering": "unordered"},
        partitions=PARTITIONS,
        exact_work=0.0,
        concurrency=1_000,
        log_calls=False,
    )
    # More than is counted, so that there is the same backlog to prefetch from at both marks.
    feed(bootstrap, plan.source, range(last + last // 10), keys=10_000, pad=PAYLOAD)
    judge = Judge(bootstrap, plan.sink, partitions=PARTITIONS, forget=True)
    found = {}
    with tempfile.TemporaryDirectory() as folder, Fleet(plan, Path(folder)) as fleet:
        member = fleet.start("bench")
        for mark in (first, last):
            judge.wait_for(mark, 900, fleet.check_alive)
            found[str(mark)] = round(resident(member.process), 1)
    judge.close()
    return found


def resident(process: ProcessRef) -> float:
    """MiB."""
    found = process.find()
    assert found is not None
    return float(found.memory_info().rss) / (1 << 20)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="a Kafka to use; without it one is started")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events, to see that it runs")
    parser.add_argument("--save", type=Path, help="file that the JSON object is written to")
    arguments = parser.parse_args()
    scale = 10 if arguments.quick else 1
    result: dict[str, Any] = {
        "machine": machine(os.getloadavg()[0]),
        "versions": versions(),
        "payload_bytes": PAYLOAD,
        "partitions": PARTITIONS,
    }
    with kafka(arguments.bootstrap) as bootstrap:
        result["pass_through_per_s"] = round(
            throughput(bootstrap, "pass", 800_000 // scale, work=0, concurrency=1_000, warm_up=10 / scale)
        )
        fed = {"work": 0.2, "concurrency": 2_000, "warm_up": 5 / scale}
        memory_rate = from_memory(100_000 // scale, **fed)  # type: ignore[arg-type]
        kafka_rate = throughput(bootstrap, "work", 100_000 // scale, **fed)  # type: ignore[arg-type]
        result["work_200_ms_2000_in_flight"] = {
            "from_memory_per_s": round(memory_rate),
            "rdkafka_per_s": round(kafka_rate),
            "ratio": round(kafka_rate / memory_rate, 3),
        }
        result["latency_ms_at_500_per_s"] = latency(bootstrap, 500, 30 // min(scale, 4))
        # What a worker holds at a moment depends on its last hiccup: a single one tells little.
        workers = 1 if scale > 1 else 5
        result["rss_mib"] = [memory(bootstrap, 200_000 // scale, 1_000_000 // scale) for _ in range(workers)]
        growths = [last / first - 1 for first, last in (marks.values() for marks in result["rss_mib"])]
        result["rss_growth"] = round(statistics.median(growths), 3)
    table(result)
    text = json.dumps(result)
    if arguments.save:
        arguments.save.write_text(json.dumps(result, indent=2) + "\n")
    print(text)


def table(result: dict[str, Any]) -> None:
    """For people."""
    work = result["work_200_ms_2000_in_flight"]
    waits = result["latency_ms_at_500_per_s"]
    rows = [
        ("pass-through", f"{result['pass_through_per_s']} events/s", ""),
        ("200 ms of work, 2,000 at once", f"{work['rdkafka_per_s']} events/s", f"{work['ratio']:.1%} of memory's"),
        ("latency at 500/s", f"p50 {waits['p50']} ms, p99 {waits['p99']} ms", "aim: p99 below 150 ms"),
        *(("memory after so many events", f"{marks} MiB", "") for marks in result["rss_mib"]),
        ("memory, median", "", f"grows by {result['rss_growth']:.1%}, aim: below 5 %"),
    ]
    for row in rows:
        print(f"{row[0]:32}{row[1]:34}{row[2]}")


if __name__ == "__main__":
    main()
