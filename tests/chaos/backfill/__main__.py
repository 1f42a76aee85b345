"""A backfill that is killed again and again, beside live work: ``make chaos-backfill``.

Two workers stand at the log's end, where production stands: activities come live at a steady rate, a good part of what
the one server can do. For a while nothing else happens. Then `streamproc replay` reads a part of the history into a
topic of its own; it is killed with SIGKILL at random moments and started again by the same command, and with the second
kill one of the two workers is killed too. In the end the part's activities have one result each in that topic, and no
other has one; each live one has one in the live topic; and 99 % of the live results took no more than ``--most`` times
as long as without the backfill. What came while a killed worker was away is left out of that comparison, and counted.

The server stands in for Triton (tests/support/stand_in): one instance, whose capacity is known, with two priorities.
The last line is JSON; the exit code is 0 only if nothing is wrong. Run from ``tests/`` as ``python -m chaos.backfill``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from support.feeding import LiveFeed
from support.machine import whereabouts
from support.percentiles import percentiles
from support.replaying import Replay, moment
from support.scene import WORKER_CORE, Scene, scene
from support.stand_in.behaviour import Behaviour
from support.stand_in.stand_in import StandIn
from support.waiting import wait_for
from support.worker_process import WorkerProcess

from chaos.backfill.load import Load, Outcomes

OUTSIDE = 200
"""Activities of history before the part that is read again, and as many after it."""

CLIPS = 2
"""Of an activity."""

WARM_UP_S = 10.0
SETTLED_S = 8.0
"""After a worker is back: what waited for it is done."""

MOST_LIVE = 1_000_000
START_S = 120.0


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


@dataclass
class Watch:
    """When what happened, in seconds since 1970: periods that live activities fall into."""

    alone: list[tuple[float, float]] = field(default_factory=list)
    beside: list[tuple[float, float]] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)
    """A worker was killed, and its successor not at work yet."""


class Play:
    """Workers, the backfill, and what is done to them."""

    def __init__(self, stage: Scene, load: Load, triton: str, options: argparse.Namespace) -> None:
        self._stage = stage
        self._load = load
        self._options = options
        self._random = Random(options.seed)
        self._workers: list[WorkerProcess] = []
        self.settings = {**stage.settings(triton), "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "6"}
        self.into = f"{stage.topics.name}.again"
        self.watch = Watch()
        self.said: dict[str, Any] = {}

    def start_workers(self) -> None:
        """Two of them, where the log ends now: what was before them is history."""
        self._stage.topics.stand_at_the_end()
        self._workers = [self._worker(number) for number in range(2)]
        for worker in self._workers:
            worker.wait_for(worker.is_ready, "readiness", START_S)

    def end_workers(self) -> None:
        """In an orderly way."""
        for worker in self._workers:
            worker.end()

    def _worker(self, number: int) -> WorkerProcess:
        worker = WorkerProcess(self.settings, self._options.keep / f"worker-{number}.log")
        # It has one thread yet; all that it starts stay where it is.
        os.sched_setaffinity(worker.pid, {WORKER_CORE})
        return worker

    def alone(self, seconds: float) -> None:
        """Nothing but live work, for so long."""
        began = time.time()
        time.sleep(seconds)
        self.watch.alone.append((began, time.time()))

    def backfill(self, since: str, until: str) -> Outcomes:
        """Read the part again, however often it is killed; who reads its results."""
        arguments = ["chaos", "--from", since, "--to", until, "--results", self.into, "--json"]
        if self._options.backfill_rate:
            arguments += ["--rate", f"{self._options.backfill_rate:g}"]
        log = self._options.keep / "replay.log"
        began = time.time()

        def start() -> Replay:
            process = Replay(self.settings, arguments, log, hurried=self._options.hurried)
            # On the workers' core too: it takes what they leave.
            os.sched_setaffinity(process.pid, range(os.cpu_count() or 1))
            return process

        process = start()
        with ExitStack() as ending:
            ending.callback(lambda: process.kill())
            wait_for(lambda: "group: " in process.log_text(), "the topic of the backfill", START_S)
            outcomes = Outcomes(self._stage.topics.bootstrap, self.into)
            outcomes.start()
            for number, count in enumerate(self._moments()):
                self._wait_for(count, outcomes, process)
                process.kill()
                say(f"killed at {outcomes.count} of {self._options.activities}, {time.time() - began:.0f} s")
                struck = time.time()
                if number == 1:
                    self._workers.pop().kill()
                    self._workers.append(self._worker(2))
                process = start()
                if number == 1:
                    self._wait_for_worker(struck)
            self.said = process.end(1800)
        self.watch.beside.append((began, time.time()))
        say(f"backfill: {self.said}")
        return outcomes

    @staticmethod
    def _wait_for(count: int, outcomes: Outcomes, process: Replay) -> None:
        wait_for(lambda: outcomes.count >= count or not process.is_alive, f"{count} results of the backfill", 600)
        assert process.is_alive, process.log_text()[-4000:]

    def _moments(self) -> list[int]:
        """After how many results it is killed: at random, one in each part of the way."""
        faults, count = self._options.faults, self._options.activities
        share = 0.9 / max(1, faults)
        return [round(count * share * (number + self._random.uniform(0.2, 1.0))) for number in range(faults)]

    def _wait_for_worker(self, struck: float) -> None:
        """The successor of one that was killed is at work; what came shortly before was with that one."""
        self._workers[-1].wait_for(self._workers[-1].is_ready, "readiness", START_S)
        self.watch.away.append((struck - 1.0, time.time() + SETTLED_S))
        say(f"a worker killed, and another one ready after {time.time() - struck:.1f} s")

    def within(self, periods: list[tuple[float, float]], numbers: Iterable[int]) -> list[int]:
        """The live activities that were published in one of these periods, while no worker was away."""
        sent = self._load.sent

        def lies(number: int, within: list[tuple[float, float]]) -> bool:
            return any(first <= sent[number] < last for first, last in within)

        return [one for one in numbers if lies(one, periods) and not lies(one, self.watch.away)]


def run(stage: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """Do it all; the report."""
    load = Load(stage)
    part = range(OUTSIDE, OUTSIDE + options.activities)
    first = part.stop + OUTSIDE
    rate = options.capacity * options.share
    behaviour = Behaviour(servers=1, clip_s=1 / (options.capacity * CLIPS))
    say("history is published")
    load.publish(range(OUTSIDE))
    since = moment()
    load.publish(part)
    until = moment()
    load.publish(range(part.stop, first))
    topics = stage.topics
    with StandIn(behaviour, recorded=load.recorded) as server, ExitStack() as ending:
        play = Play(stage, load, server.address, options)
        ending.callback(play.end_workers)
        play.start_workers()
        live = Outcomes(topics.bootstrap, topics.results)
        live.start()
        feed = LiveFeed(topics.bootstrap, topics.activities, range(first, MOST_LIVE), rate, load.record)
        with feed:
            time.sleep(WARM_UP_S)
            play.alone(options.alone)
            began = time.monotonic()
            again = play.backfill(since, until)
            took = time.monotonic() - began
            time.sleep(2.0)
            play.alone(options.alone)
        numbers = range(first, first + feed.fed)
        wrong_live = live.end(numbers, 60)
        wrong_part = again.end(part, 10)
        asked = server.counts()
        letters = len(topics.read(topics.letters, 1, 3.0)) + len(topics.read(f"{play.into}.dlq", 1, 3.0))
    alone, beside = (play.within(periods, numbers) for periods in (play.watch.alone, play.watch.beside))
    found = {
        "alone": percentiles(live.waits(load.sent, alone)),
        "beside": percentiles(live.waits(load.sent, beside)),
    }
    ratio = round(found["beside"]["p99_ms"] / found["alone"]["p99_ms"], 2)
    wrong = any((*wrong_live.values(), *wrong_part.values(), letters, play.said["left"]))
    compared: dict[str, Any] = {
        "live_ms": found,
        "live_compared": {"alone": len(alone), "beside": len(beside)},
        "p99_ratio": ratio,
    }
    late = ratio > options.most and not options.hurried
    return {
        "ok": not (wrong or late),
        "activities": len(part),
        "kills": options.faults,
        "backfill": wrong_part,
        "backfill_per_s": round(len(part) / took, 1),
        "live": {"activities": len(numbers), "per_s": rate, **wrong_live},
        "workers_killed": len(play.watch.away),
        "dead_lettered": letters,
        "share_of_capacity": options.share,
        **({} if options.hurried else compared),
        "stood_back": not options.hurried,
        "requests_by_priority": asked.priorities,
        "clips_a_request": round(asked.clips / asked.requests, 2),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.backfill", description=__doc__)
    parser.add_argument("--activities", type=int, default=20_000, help="of the part that is read again")
    parser.add_argument("--faults", type=int, default=3, help="kills of the backfill")
    parser.add_argument("--capacity", type=float, default=100.0, help="activities a second that the server can do")
    parser.add_argument("--share", type=float, default=0.4, help="of it, what comes live")
    parser.add_argument("--backfill-rate", type=float, help="activities a second; none: what is left")
    parser.add_argument("--alone", type=float, default=40.0, help="seconds without the backfill, before and after it")
    parser.add_argument("--most", type=float, default=1.5, help="times its own that the live p99 may be")
    parser.add_argument(
        "--hurried",
        action="store_true",
        help="the backfill does not stand back, and nobody asks how late live results are: for a machine that others "
        "keep busy, where it would never have its turn (root alone)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave logs in this folder")
    parser.add_argument("--save", type=Path, help="write the report here too, with the machine that it comes from")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="chaos-backfill-") as name:
        options.keep = options.keep or Path(name)
        options.keep.mkdir(parents=True, exist_ok=True)
        with scene(Path(name)) as stage:
            report = run(stage, options)
    if options.save:
        options.save.write_text(json.dumps({**report, **whereabouts(load, "streamproc")}, indent=1) + "\n")
    print(json.dumps(report), flush=True)
    return int(not report["ok"])


if __name__ == "__main__":
    sys.exit(main())
