"""Workers with windows that die while these close: ``make chaos-windows``.

Three workers sum what comes in tumbling and hopping windows, and by another key behind a ``group_by``, 64 events at
once, out of order. Events come live, at a steady pace; their timestamps run many times faster than the clock, so that
windows end every second or so; a third of them come too late, by up to ten minutes, and a third out of order. Again
and again, at a moment at which windows end, a fault strikes: kill -9, at any moment, inside a commit, or inside the
close of a window; SIGTERM; SIGSTOP, longer than the group waits; a fourth worker that comes or goes. In the end all
that was published of windows, and all that was set aside as late, is compared with a batch computation over the logs.
The last line is JSON, of both protocols together; the exit code is 0 only if nothing is wrong. Run from ``tests/`` as
``python -m chaos.windows``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support import window_worker
from support.feeding import LiveFeed
from support.fleet import PROTOCOLS, Fleet
from support.machine import whereabouts
from support.plan import new_plan
from support.window_judge import LATEST, STEP, WindowJudge, WindowJudgement, timestamps

from streamproc.localstack.stack import LocalStack

SCRIPT = Path(window_worker.__file__)
WORKERS = ("a", "b", "c")
PARTITIONS, KEYS = 4, 40
#: Stream time between two events, in milliseconds.
STEP_MS = 30
#: Faults in turn.
FAULTS = ("kill", "kill in commit", "rebalance", "stop", "kill in close", "freeze", "rebalance")
#: Longer than a dead worker's session, its transaction and the work that was left over.
DONE_S = 120.0


@dataclass(frozen=True)
class Run:
    """What one protocol went through."""

    events: int
    #: Too late for a window of their own key.
    late: int
    faults: int
    kills: int
    kills_in_commit: int
    kills_in_close: int


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def record(number: int) -> tuple[bytes, bytes]:
    """An event's key and value."""
    return b"key-%d" % (number % KEYS), b"%d" % number


def wait_for_end(feed: LiveFeed, chance: random.Random) -> None:
    """Until the next windows end, and a moment more."""
    each = STEP * 1000 // STEP_MS
    target = (feed.fed // each + 1) * each
    while feed.running and feed.fed < target:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.4))


def strike(fleet: Fleet, name: str, fault: str, chance: random.Random) -> str:
    """Do this to a worker, and have it back; or let a fourth one come or go. Returns what was done."""
    if fault != "rebalance":
        return fleet.strike(name, fault, chance)
    if "d" in fleet.members:
        fleet.stop("d")
        del fleet.members["d"]
        return "d goes"
    fleet.start("d")
    return "d comes"


def run(bootstrap: str, folder: Path, protocol: str, options: argparse.Namespace) -> tuple[WindowJudgement, Run]:
    """All events of one protocol."""
    settings = {"commit_interval": 0.05, **PROTOCOLS[protocol]}
    plan = new_plan(bootstrap, f"windows-{protocol}", settings, partitions=PARTITIONS, work=0.01, store=options.store)
    chance = random.Random(options.seed)
    times = timestamps(options.seed, options.events, STEP_MS)
    with Fleet(plan, folder, stable=False, script=SCRIPT) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        began, faults = time.monotonic(), 0
        with LiveFeed(bootstrap, plan.source, range(options.events), options.rate, record, times=times) as feed:
            while feed.fed < options.events * 0.95:
                wait_for_end(feed, chance)
                name, fault = WORKERS[faults % len(WORKERS)], FAULTS[faults % len(FAULTS)]
                struck = strike(fleet, name, fault, chance)
                say(f"{protocol}: {struck} ({name}) at {feed.fed} events, {time.monotonic() - began:.0f} s")
                faults += 1
                fleet.wait_ready()
                time.sleep(chance.uniform(0.0, 2.0))
            feed.finish(options.events / options.rate + 120)
        judge = WindowJudge(bootstrap, plan.source, plan.sink, plan.group, PARTITIONS)
        done = judge.wait(options.events, max(times) + 2 * LATEST * 1000, DONE_S, fleet.check_alive)
        found = judge.judge()
        judge.close()
        late = len({place[1:] for place in judge.batch.late})
        told = Run(options.events, late, faults, fleet.kills, fleet.kills_in_commit, fleet.kills_in_close)
        say(f"{protocol}: {told}{'' if done else '; not done in time'}: {found}")
    return found, told


def save(path: Path, result: dict[str, Any], load: float) -> None:
    """Put the result into a file, beside those of other stores."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[result["store"]] = {**whereabouts(load), **result}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.windows", description=__doc__)
    parser.add_argument("--events", type=int, default=240_000, help="of both protocols together")
    parser.add_argument("--rate", type=float, default=600.0, help="events a second")
    parser.add_argument("--store", default="memory://", help="or rocksdb://")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, help="append the result to this JSON file")
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    options = parser.parse_args(arguments)
    protocols = [options.protocol] if options.protocol else list(PROTOCOLS)
    options.events //= len(protocols)
    total, runs, load = WindowJudgement(), {}, os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="chaos-windows-") as name:
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            bootstrap = stack.up(("kafka",)).kafka_bootstrap
            for protocol in protocols:
                found, runs[protocol] = run(bootstrap, (options.keep or Path(name)) / protocol, protocol, options)
                total.add(found)
        finally:
            stack.down()
    result = {"store": options.store, "runs": {name: asdict(told) for name, told in runs.items()}, **asdict(total)}
    if options.save:
        save(options.save, result, load)
    print(json.dumps(result), flush=True)
    return int(total.bad or not total.windows)


if __name__ == "__main__":
    sys.exit(main())
