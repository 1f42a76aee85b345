"""What tables cost: counting 200-byte events by key, one hot key, and a cold restore; quixstreams beside it.

    python tests/bench/state.py [--rounds N] [--keys N] [--only WORD] [--peer-python PYTHON] [--save FILE]

One worker, exactly-once, commits every 100 ms, 10,000 keys in 4 partitions; rates as in transport_surface.py. The hot
key is changed by all events, 64 at once, each of which lets the others go on between its read and its write. A cold
restore is a worker that starts without its store: from its start, which is part of it, to its first outcome.

Prints progress and, as the last line, one JSON object; what did not run is null.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.machine import machine, versions
from support.plan import create_topics

from bench.transport_surface import PARTITIONS, TUNED, Contender, kafka, measure, preload, quixstreams_version, start
from streamproc.localstack.processes import ProcessRef, log_tail

WARM_UP_S, MEASURED_S = 3.0, 5.0
OURS, QUIX, HOT = "counting_app.py", "quix_counting.py", "hot_key_app.py"


def ours(name: str, store: str, file: str = OURS) -> Contender:
    """The Faust app, with its table there."""
    extra = (("STORE", store), ("PARTITIONS", str(PARTITIONS)))
    return Contender(name, file, "rdkafka", query=TUNED, extra=extra)


def contenders(peer_python: str | None) -> list[Contender]:
    """Who counts."""
    found = [
        ours("without", "none"),
        ours("memory", "memory://"),
        ours("disk", "rocksdb://"),
        ours("hot_key", "memory://", HOT),
    ]
    if peer_python:
        found.append(Contender("quix", QUIX, arguments=(), python=peer_python))
    return found


def stop(process: ProcessRef) -> None:
    """End a worker as it likes to be ended: for one that was killed its group waits until its session is over."""
    os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()


class Restore:
    """One app that has counted so many keys, and then starts without its store."""

    def __init__(self, bootstrap: str, contender: Contender, keys: int) -> None:
        self.bootstrap = bootstrap
        self.contender = contender
        self.keys = keys
        self.name = f"restore-{uuid.uuid4().hex[:8]}"
        self.source, self.sink = f"{self.name}-in", f"{self.name}-out"
        create_topics(bootstrap, self.source, self.sink, partitions=PARTITIONS)
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": self.name + "-judge",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._reader.assign([TopicPartition(self.sink, number, 0) for number in range(PARTITIONS)])
        self.read = 0

    def publish(self, keys: int) -> None:
        """An event of each."""
        for number in range(keys):
            while True:
                try:
                    key = b"%d" % number
                    self._producer.produce(self.source, key=key, value=bytes(200), partition=number % PARTITIONS)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.flush()

    def wait(self, outcomes: int, log: Path, seconds: float = 240.0) -> None:
        """Until there are so many."""
        deadline = time.monotonic() + seconds
        while self.read < outcomes:
            self.read += sum(message.error() is None for message in self._reader.consume(10_000, 0.05))
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.read} of {outcomes} outcomes:\n{log_tail(log, 30)}")

    def start(self, folder: Path) -> ProcessRef:
        """Start a worker with this folder."""
        log = folder.parent / f"{folder.name}.log"
        return start(self.bootstrap, self.contender, self.name, self.source, self.sink, folder, log)

    def first(self, folder: Path) -> tuple[float, int]:
        """A worker's seconds from its start to its outcomes of one event a partition, and its memory then."""
        log = folder.parent / f"{folder.name}.log"
        self.publish(PARTITIONS)
        folder.mkdir()
        began = time.monotonic()
        process = self.start(folder)
        try:
            self.wait(self.read + PARTITIONS, log)
            return time.monotonic() - began, psutil.Process(process.pid).memory_info().rss
        finally:
            stop(process)

    def run(self) -> tuple[float, float, float]:
        """Records restored a second; bytes by key in memory, more than an empty table's, and on disk."""
        with tempfile.TemporaryDirectory() as name:
            empty, small = self.first(Path(name, "empty"))
            self.publish(self.keys)
            full = Path(name, "full")
            full.mkdir()
            process = self.start(full)
            try:
                self.wait(self.read + self.keys, Path(name, "full.log"))
            finally:
                stop(process)
            on_disk = sum(path.stat().st_size for path in full.rglob("*") if path.is_file())
            shutil.rmtree(full)
            cold, large = self.first(Path(name, "cold"))
        print(f"{self.contender.name}: {empty:.1f} s empty, {cold:.1f} s with {self.keys} keys", file=sys.stderr)
        return self.keys / cold, (large - small) / self.keys, on_disk / self.keys


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="a Kafka to use; without it one is started")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=1_000_000, help="of a cold restore")
    parser.add_argument("--events", type=int, default=1_000_000, help="preloaded to be counted")
    parser.add_argument(
        "--only", action="append", help="of without, memory, disk, hot_key, quix, restore, disk_restore, quix_restore"
    )
    parser.add_argument("--peer-python", help="an interpreter with quixstreams; without it that peer is left out")
    parser.add_argument("--save", type=Path, help="file that the JSON object is written to")
    arguments = parser.parse_args()

    def wanted(name: str) -> bool:
        return not arguments.only or name in arguments.only

    taking_part = [one for one in contenders(arguments.peer_python) if wanted(one.name)]
    rates: dict[str, list[float]] = {one.name: [] for one in taking_part}
    load = os.getloadavg()[0]
    figures: dict[str, float | None] = {}
    with kafka(arguments.bootstrap) as bootstrap:
        if taking_part:
            source = f"bench-{uuid.uuid4().hex[:8]}-in"
            print(f"Preloading {arguments.events:,} events", file=sys.stderr)
            preload(bootstrap, source, arguments.events)
        for number in range(arguments.rounds):
            for contender in taking_part:
                rate = measure(bootstrap, source, contender, WARM_UP_S, MEASURED_S)
                rates[contender.name].append(rate)
                print(f"round {number + 1}: {contender.name}: {rate:,.0f}/s", file=sys.stderr, flush=True)
        figures |= {f"{name}_per_s": statistics.median(found) for name, found in rates.items()}
        if wanted("restore"):
            rate, memory, _ = Restore(bootstrap, ours("memory", "memory://"), arguments.keys).run()
            figures |= {"restore_per_s": rate, "memory_bytes_by_key": memory}
        if wanted("disk_restore"):
            rate, _, disk = Restore(bootstrap, ours("disk", "rocksdb://"), arguments.keys).run()
            figures |= {"disk_restore_per_s": rate, "disk_bytes_by_key": disk}
        if arguments.peer_python and wanted("quix_restore"):
            peer = Contender("quix", QUIX, arguments=(), python=arguments.peer_python)
            figures["quix_restore_per_s"], _, _ = Restore(bootstrap, peer, arguments.keys).run()
    peers = {"quixstreams": quixstreams_version(arguments.peer_python)} if arguments.peer_python else {}
    names = ("memory", "disk", "without", "quix", "restore", "disk_restore", "quix_restore", "hot_key")
    result = {f"{name}_per_s": None for name in names} | {
        name: None if figure is None else round(figure) for name, figure in figures.items()
    }
    if arguments.save:
        run = {"rounds": arguments.rounds, "keys": arguments.keys, "measured_s": MEASURED_S}
        found = {"machine": machine(load), "versions": versions(**peers), **run, **result}
        arguments.save.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
