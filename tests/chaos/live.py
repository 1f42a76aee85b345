"""Two workers at the log's end, and one of them is killed, restarted or frozen all the time: ``make chaos-live``.

Their agent works on up to 64 events at once in tasks of its own under ``stream.noack()``, while its input is published
at a steady pace. A read_committed reader judges. The last line is JSON, what is wrong with all runs together; the exit
code is 0 only if that is nothing. Run from ``tests/`` as ``python -m chaos.live``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from support.feeding import LiveFeed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge, Judgement
from support.plan import new_plan

from streamproc.localstack.stack import LocalStack

SCRIPT = Path(__file__).with_name("plain_worker.py")
WORKERS = ("a", "b")
FAULTS = ("SIGTERM", "SIGKILL", "SIGSTOP")
PARTITIONS = 4
#: Seconds from one fault to the next.
PERIOD_S = 5.0
#: Seconds that a worker is frozen: shorter and longer than its session.
FROZEN_S = (0.5, 6.0)
#: Nothing more will come after so long: longer than a dead worker's session and its transaction.
SILENCE_S = 30.0


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def strike(fleet: Fleet, judge: Judge, name: str, fault: str, seconds: float) -> None:
    """Do this to a worker, and have it back."""
    fleet.wait_ready(name)
    match fault:
        case "SIGTERM":
            fleet.stop(name)
            fleet.start(name)
        case "SIGKILL":
            fleet.kill(name)
            fleet.start(name)
        case "SIGSTOP":
            fleet.members[name].signal(signal.SIGSTOP)
            judge.read(seconds)
            fleet.members[name].signal(signal.SIGCONT)


def run(bootstrap: str, folder: Path, number: int, records: int, rate: float) -> Judgement:
    """One run: faults in turn until all is published, then the verdict."""
    protocol = tuple(PROTOCOLS)[number % len(PROTOCOLS)]
    plan = new_plan(
        bootstrap, f"live-{number}", PROTOCOLS[protocol], partitions=PARTITIONS, noack=True, concurrency=64, work=0.04
    )
    judge = Judge(bootstrap, plan.sink, partitions=PARTITIONS)
    chance = random.Random(number)
    struck = []
    with Fleet(plan, folder, stable=False, script=SCRIPT) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        faults = zip(itertools.cycle(WORKERS), itertools.islice(itertools.cycle(FAULTS), number, None), strict=False)
        with LiveFeed(bootstrap, plan.source, range(records), rate) as feed:
            due = time.monotonic()
            while feed.running:
                due = max(due + PERIOD_S, time.monotonic())
                while feed.running and (left := due - time.monotonic()) > 0:
                    judge.read(min(left, 0.2))
                if feed.running:
                    name, fault = next(faults)
                    strike(fleet, judge, name, fault, chance.uniform(*FROZEN_S))
                    struck.append(fault)
            feed.finish(60)
        seen, quiet_since = -1, time.monotonic()
        while len(judge.seen) < records and time.monotonic() < quiet_since + SILENCE_S:
            fleet.check_alive()
            judge.read(0.2)
            if len(judge.seen) > seen:
                seen, quiet_since = len(judge.seen), time.monotonic()
        verdict = judge.judge(range(records))
        judge.close()
    say(f"run {number + 1} ({protocol}): {records} records, {len(struck)} faults; {verdict}")
    return verdict


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.live", description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--records", type=int, default=20_000, help="a run")
    parser.add_argument("--rate", type=float, default=500.0, help="records a second")
    options = parser.parse_args(arguments)
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="chaos-live-") as name:
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            bootstrap = stack.up(("kafka",)).kafka_bootstrap
            for number in range(options.runs):
                folder = Path(name, f"run-{number}")
                verdicts.append(run(bootstrap, folder, number, options.records, options.rate))
        finally:
            stack.down()
    wrong = {
        "runs": len(verdicts),
        "missing": sum(verdict.missing for verdict in verdicts),
        "duplicated": sum(verdict.duplicated for verdict in verdicts),
        "inversions": sum(verdict.reordered for verdict in verdicts),
    }
    print(json.dumps(wrong), flush=True)
    return int(any(verdict != PERFECT for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
