"""What changing a Faust app's URL to `rdkafka://` costs, and gains: pass-through of 200-byte events, one worker.

    python tests/bench/transport_surface.py [--full] [--peer-python PYTHON] [--save FILE]

One unmodified app file runs under three URLs, one of them with and without `tune_gc`; beside it streamproc's agent
style, quixstreams (by ``--peer-python``, an interpreter with requirements/bench-transport.txt) and a bare
confluent-kafka loop. All commit every 100 ms. The contenders take turns, round after round; each reads the same
preloaded topic of 4 partitions. Its rate comes from the times at which the broker appended its output, as a
read_committed reader sees it, after a warm-up.

Prints a table and, as the last line, one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.machine import machine, versions
from support.plan import create_topics

from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.processes import ProcessRef, log_tail, spawn

APPS = Path(__file__).parent / "surface"
PARTITIONS = 4
PAYLOAD = 200
#: Faust's own two contenders run as they come; here the process is the benchmark's alone.
TUNED = "?tune_gc=true"
WORKER = ["worker", "--without-web", "--loglevel", "warn"]


@dataclass(frozen=True)
class Contender:
    """One configuration."""

    name: str
    file: str
    scheme: str = ""
    guarantee: str = "exactly_once"
    arguments: tuple[str, ...] = tuple(WORKER)
    query: str = ""
    python: str = sys.executable
    what: str = ""
    #: More of the environment.
    extra: tuple[tuple[str, str], ...] = ()


def contenders(peer_python: str | None) -> list[Contender]:
    """Who takes part."""
    plain = "async for event in stream.events(): await sink.send(...)"
    found = [
        Contender("faust kafka:// at_least_once", "plain_app.py", "kafka", "at_least_once", what=plain),
        Contender("faust kafka:// exactly_once", "plain_app.py", "kafka", what=plain),
        Contender(
            "faust rdkafka:// exactly_once", "plain_app.py", "rdkafka", query=TUNED, what=f"{plain} (the same file)"
        ),
        Contender("the same, untuned gc", "plain_app.py", "rdkafka", what=f"{plain} (the same file)"),
        Contender(
            "streamproc's style", "own_app.py", "rdkafka", query=TUNED, what="each(stream, handle, concurrency=1000)"
        ),
        Contender("bare confluent-kafka loop", "bare_loop.py", arguments=(), what="consume(1000), produce, commit"),
    ]
    if peer_python:
        what = "dataframe(source).to_topic(sink), processing_guarantee='exactly-once', commit_interval=0.1"
        found.insert(
            5, Contender("quixstreams exactly-once", "quix_app.py", arguments=(), python=peer_python, what=what)
        )
    return found


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


def preload(bootstrap: str, topic: str, count: int) -> None:
    """Fill a topic with events of ``PAYLOAD`` bytes under 10,000 keys."""
    create_topics(bootstrap, topic, partitions=PARTITIONS)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
            "batch.size": 1 << 20,
        }
    )
    value = bytes(PAYLOAD)
    for number in range(count):
        while True:
            try:
                producer.produce(topic, key=b"%d" % (number % 10_000), value=value)
                break
            except BufferError:
                producer.poll(0.1)
        if not number % 1_000:
            producer.poll(0)
    producer.flush()


def start(
    bootstrap: str, contender: Contender, group: str, source: str, sink: str, folder: Path, log: Path
) -> ProcessRef:
    """Start a worker, which keeps its files in the folder."""
    environment = {
        **os.environ,
        "BOOTSTRAP": bootstrap,
        "BROKER": f"{contender.scheme}://{bootstrap}{contender.query}",
        "GUARANTEE": contender.guarantee,
        "GROUP": group,
        "SOURCE": source,
        "SINK": sink,
        "DATADIR": str(folder),
        **dict(contender.extra),
    }
    command = [contender.python, str(APPS / contender.file), *contender.arguments]
    return spawn(command, log, environment, tie=True)


def measure(bootstrap: str, source: str, contender: Contender, warm_up: float, seconds: float) -> float:
    """Events per second of one run."""
    unique = f"bench-{uuid.uuid4().hex[:8]}"
    create_topics(bootstrap, f"{unique}-out", partitions=PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        process = start(bootstrap, contender, unique, source, f"{unique}-out", Path(folder), log)
        try:
            times = output_times(bootstrap, f"{unique}-out", warm_up + seconds, log)
        finally:
            process.kill()
    begin = times[0] + warm_up * 1000
    within = [at for at in times if begin <= at <= begin + seconds * 1000]
    return len(within) / ((within[-1] - within[0]) / 1000)


def output_times(bootstrap: str, topic: str, seconds: float, log: Path) -> list[int]:
    """When the outcomes of the first so many seconds were appended, in milliseconds, sorted."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"judge-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    partitions = [TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
    reader.assign(partitions)
    times: list[int] = []
    deadline = time.monotonic() + 90
    try:
        while not times:
            if time.monotonic() > deadline:
                raise RuntimeError(f"No outcome within 90 s:\n{log_tail(log, 30)}")
            times += [message.timestamp()[1] for message in reader.consume(1, 0.2) if message.error() is None]
        # Reading takes a processor: it waits until the run is over.
        reader.pause(partitions)
        until = time.monotonic() + seconds + 1.0
        while time.monotonic() < until:
            reader.consume(1, 0.1)
        reader.resume(partitions)
        end = times[0] + seconds * 1000
        idle = 0
        while idle < 3 and not (times[-1] > end + 500):
            batch = reader.consume(10_000, 0.5)
            idle = 0 if batch else idle + 1
            times += [message.timestamp()[1] for message in batch if message.error() is None]
    finally:
        reader.close()
    return sorted(times)


def main() -> None:
    """Measure everyone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="a Kafka to use; without it one is started")
    parser.add_argument("--full", action="store_true", help="median of 5, 10 s of warm-up, 10 s measured: 20 minutes")
    parser.add_argument("--rounds", type=int, help="how often each runs (default 3, with --full 5)")
    parser.add_argument("--only", action="append", help="only contenders whose name holds this; may be repeated")
    parser.add_argument("--peer-python", help="an interpreter with quixstreams; without it that peer is left out")
    parser.add_argument("--save", type=Path, help="file that the JSON object is written to")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (5 if arguments.full else 3)
    warm_up, seconds = (10.0, 10.0) if arguments.full else (3.0, 5.0)
    events = 2_500_000 if arguments.full else 1_000_000
    taking_part = [
        contender
        for contender in contenders(arguments.peer_python)
        if not arguments.only or any(word in contender.name for word in arguments.only)
    ]
    rates: dict[str, list[float]] = {contender.name: [] for contender in taking_part}
    with kafka(arguments.bootstrap) as bootstrap:
        source = f"bench-{uuid.uuid4().hex[:8]}-in"
        print(f"Preloading {events:,} events", file=sys.stderr)
        preload(bootstrap, source, events)
        for number in range(rounds):
            for contender in taking_part:
                rate = measure(bootstrap, source, contender, warm_up, seconds)
                rates[contender.name].append(rate)
                print(f"round {number + 1}: {contender.name}: {rate:,.0f}/s", file=sys.stderr, flush=True)
    peers = {"quixstreams": quixstreams_version(arguments.peer_python)} if arguments.peer_python else {}
    run = {"rounds": rounds, "warm_up_s": warm_up, "measured_s": seconds}
    report(taking_part, rates, run, peers, arguments.save)


def quixstreams_version(peer_python: str) -> str:
    """Of the interpreter that it runs in."""
    command = [peer_python, "-c", "from importlib.metadata import version; print(version('quixstreams'))"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def report(
    taking_part: list[Contender],
    rates: dict[str, list[float]],
    run: dict[str, Any],
    peers: dict[str, str],
    save: Path | None,
) -> None:
    """A table for people, JSON for programs."""
    base = statistics.median(rates[taking_part[0].name])
    result: dict[str, Any] = {
        "machine": machine(os.getloadavg()[0]),
        "versions": versions(**peers),
        "payload_bytes": PAYLOAD,
        "partitions": PARTITIONS,
        "commit_interval_s": 0.1,
        **run,
        "contenders": {},
    }
    print(f"{'configuration':32}{'events/s':>10}{'x first':>9}   all rounds")
    for contender in taking_part:
        found = rates[contender.name]
        middle = statistics.median(found)
        result["contenders"][contender.name] = {
            "events_per_s": round(middle),
            "of_first": round(middle / base, 2),
            "rounds": [round(rate) for rate in found],
            "configuration": f"{contender.what} {contender.query}".rstrip(),
        }
        every = ", ".join(f"{rate:,.0f}" for rate in found)
        print(f"{contender.name:32}{middle:10,.0f}{middle / base:9.2f}   {every}")
    for contender in taking_part:
        print(f"  {contender.name}: {contender.what} {contender.query}".rstrip())
    if save:
        save.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
