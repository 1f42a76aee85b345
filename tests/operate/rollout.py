"""The drill of roll-outs: two workers under live load get a good release, then a bad one, which is rolled back.

Releases are digests in a repository of their own, put there by `streamproc release set`; what stands in for Argo CD and
Kubernetes (cluster.py) rolls workers to what it says, one after the other. `streamproc release watch` looks on with a
real Prometheus, whose windows are divided by SCALE. The good release must stay, the bad one must go.

The windows of the burn rates must hold the time before a release, or a roll-out would be all that they see: so load
comes for a whole long window before the first one. It is a fraction of what two cores can do, as in production a worker
that starts must not take the processor from those that score.

The last line is JSON: ``{"lost", "duplicated", "longest_pause_s", "rolled_back"}``. lost: activities without a result,
those with a dead letter among them. longest_pause_s: the longest time without a result for the activities of any one
partition, as a read_committed reader sees it, while one comes to each every 0.25 s. Run it by ``make drill-rollout``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any

from support.activities import activity, clip, inline, phrase, value
from support.feeding import LiveFeed
from support.judge import Judge
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess, environment, streamproc

from operate.cluster import Cluster
from operate.prometheus import Prometheus
from operate.released import SLOWER_S, VERSION
from streamproc.cli.release_repository import OVERLAYS, Repository
from streamproc.cli.release_watch import ROLLED_BACK
from streamproc.localstack.stack import PARTS, LocalStack
from streamproc.telemetry.alerting.alert import Scale
from streamproc.telemetry.alerting.rules import write
from streamproc.transport.kafka.partitioner import partition_for

ROOT = Path(__file__).parents[2]
SCALE = 60
SCRAPE = "500ms"
PARTITIONS = 4
PER_S = 16.0
LEARNERS = tuple(
    tuple(
        islice(
            (name for name in map("learner-{}".format, count()) if partition_for(name.encode(), PARTITIONS) == number),
            50,
        )
    )
    for number in range(PARTITIONS)
)
LONGEST_PAUSE_S = 2.0
BEFORE_S, WATCHED_S, AFTER_S = 60.0, 66.0, 8.0
"""Seconds of load before the first release, a fast burn's long window; that a release is watched, longer than that; and
after the last one."""

FIRST, GOOD, BAD = ("sha256:" + digit * 64 for digit in "123")
RELEASES: dict[str, dict[str, str]] = {
    FIRST: {VERSION: "1.0.0"},
    GOOD: {VERSION: "1.1.0"},
    # Twice what is promised for 99 % of the activities.
    BAD: {VERSION: "1.2.0", SLOWER_S: "0.4"},
}

_BEGAN = time.monotonic()


def say(text: str) -> None:
    """A line of the drill's course, on standard error."""
    print(f"{time.monotonic() - _BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


class Reader(Judge):
    """Judges results, and notes when each came, by the partition of its activity."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(bootstrap, topic, partitions=PARTITIONS)
        self.came: dict[int, list[float]] = {partition: [] for partition in range(PARTITIONS)}

    def number(self, message: Any) -> int:
        """That of the activity, from its id."""
        number = int(dict(message.headers())["ce_subject"].decode().removeprefix("reading-"))
        self.came[number % PARTITIONS].append(time.monotonic())
        return number

    def longest_pause(self, begun: float, ended: float) -> tuple[float, int, float]:
        """Seconds, in which partition, and when it began."""
        pauses = []
        for partition, times in self.came.items():
            within = [begun, *(at for at in times if begun <= at <= ended), ended]
            pauses += [(late - early, partition, early) for early, late in pairwise(within)]
        return max(pauses)


def repository(folder: Path) -> Repository:
    """One with the overlays of this checkout, in which FIRST runs."""
    shutil.copytree(ROOT / OVERLAYS, folder / OVERLAYS)
    made = Repository(folder)
    made.git("init", "--quiet")
    for name, told in (("name", "The drill"), ("email", "drill@example.org")):
        made.git("config", f"user.{name}", told)
    made.git("add", ".")
    made.git("commit", "--quiet", "--message", "Overlays")
    assert released(made, "set", "worker", FIRST).wait(60) == 0
    return made


def released(there: Repository, *arguments: str) -> subprocess.Popen[str]:
    """`streamproc release …` in this repository."""
    command = streamproc("release", "--repository", str(there.folder), *arguments, "--json")
    return subprocess.Popen(command, env=environment({}), stdout=subprocess.PIPE, text=True)


@contextmanager
def prometheus(folder: Path, targets: Path) -> Iterator[Prometheus]:
    """A Prometheus with the rules of the drill."""
    one = Prometheus(folder / "prometheus", [str(targets)], SCRAPE, write(folder / "rules", Scale(SCALE)))
    try:
        yield one
    finally:
        one.end()


def roll_out(there: Repository, digest: str, address: str, read: Callable[[], None], cluster: Cluster) -> int:
    """Release it and watch it until that has its verdict, and workers run what is wanted then; the exit code."""
    say(f"release {digest[:12]}, version {RELEASES[digest][VERSION]}")
    promotion = released(there, "set", "worker", digest)
    while promotion.poll() is None:
        read()
    assert promotion.returncode == 0
    watch = released(
        there, "watch", "worker", "--in", "dev", "--prometheus", address, "--for", str(WATCHED_S), "--every", "0.5"
    )
    try:
        while watch.poll() is None or not cluster.settled():
            read()
        assert watch.stdout is not None
        say(f"  {watch.stdout.read().strip()}")
        return watch.returncode
    finally:
        watch.kill()


def drill(folder: Path) -> dict[str, Any]:
    """What the last line says."""
    stack = LocalStack(folder / "stack", tie=True, report=say)
    try:
        addresses = stack.up(PARTS)
        topics = TestTopics(addresses.kafka_bootstrap)
        settings = {
            **topics.settings,
            "STREAMPROC_KAFKA__PARTITIONS": str(PARTITIONS),
            "STREAMPROC_REGISTRY__URL": addresses.registry_url,
            "STREAMPROC_TRITON__URLS": addresses.triton_url,
            "STREAMPROC_LOG__FORMAT": "json",
        }
        schema_id = prepare(settings, topics)
        there = repository(folder / "repository")
        return _under_load(folder, topics, settings, schema_id, there)
    finally:
        stack.down()


def _under_load(
    folder: Path, topics: TestTopics, settings: dict[str, str], schema_id: int, there: Repository
) -> dict[str, Any]:
    one = activity(phrase(inline(clip(0.5))))
    program = (str(Path(__file__).with_name("released.py")),)
    targets = folder / "targets.json"
    started = 0

    def start(digest: str) -> WorkerProcess:
        nonlocal started
        started += 1
        return WorkerProcess({**settings, **RELEASES[digest]}, folder / f"worker-{started}.log", program)

    def record(number: int) -> tuple[bytes, bytes]:
        turn, partition = divmod(number, PARTITIONS)
        learner = LEARNERS[partition][turn % len(LEARNERS[partition])]
        return learner.encode(), value(replace(one, activity_id=f"reading-{number}", learner_id=learner), schema_id)

    results, letters = Reader(topics.bootstrap, topics.results), Judge(topics.bootstrap, topics.letters, forget=True)
    cluster = Cluster(lambda: there.digest("dev", "worker"), start, targets, say)
    with cluster, prometheus(folder, targets) as observer:
        with LiveFeed(topics.bootstrap, topics.activities, range(10**6), PER_S, record) as feed:
            results.wait_for(round(BEFORE_S * PER_S), 60)
            begun = time.monotonic()
            stayed = roll_out(there, GOOD, observer.address, lambda: results.read(0.2), cluster)
            went = roll_out(there, BAD, observer.address, lambda: results.read(0.2), cluster)
            results.read(AFTER_S)
            ended = time.monotonic()
        results.wait_for(feed.fed, 60)
        verdict = results.judge(range(feed.fed))
        letters.read(2.0)
    pause, partition, since = results.longest_pause(begun, ended)
    say(f"{feed.fed} activities, {letters.count} dead letters, {verdict}")
    say(f"no result in partition {partition} for {pause:.2f} s from {since - _BEGAN:.1f} s on")
    return {
        "lost": verdict.missing,
        "duplicated": verdict.duplicated,
        "longest_pause_s": round(pause, 2),
        "rolled_back": (stayed, went) == (0, ROLLED_BACK) and there.digest("dev", "worker") == GOOD,
    }


def main() -> int:
    """Run it; the exit code: 0 if nothing is lost or there twice, no pause is too long, and what must go has gone."""
    parser = argparse.ArgumentParser(description=drill.__doc__)
    parser.add_argument("--folder", type=Path, help="keep logs and data here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rollout-") as temporary:
        found = drill((given.folder or Path(temporary)).resolve())
    print(json.dumps(found), flush=True)
    whole = not found["lost"] and not found["duplicated"] and found["rolled_back"]
    return int(not (whole and found["longest_pause_s"] <= LONGEST_PAUSE_S))


if __name__ == "__main__":
    sys.exit(main())
