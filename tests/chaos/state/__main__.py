"""Workers with tables that are killed, stopped and frozen while events come: ``make chaos-state``.

Three workers work on 64 events each at once, out of order, each reading, waiting and writing: counters of many keys
and of a few hot ones, and transfers between the 100 accounts of one partition. Events are published at a steady pace
while the faults strike, one a round: kill -9, a third of them inside a commit; SIGTERM; SIGSTOP, longer than the
group waits, so that partitions are lost and a zombie comes back. After each fault all that is said of the state is
compared: tables, changelogs, outcomes and events. With ``--guarantee at_least_once`` workers are killed and stopped,
and no counter may show less than there were events; how much more is told. The last line is JSON, what is wrong with
all rounds together; the exit code is 0 only if that is nothing. Run from ``tests/`` as ``python -m chaos.state``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import Producer
from support.feeding import LiveFeed
from support.fleet import PROTOCOLS, Fleet
from support.plan import Plan, new_plan

from chaos.state.judge import StateJudge, StateJudgement
from streamproc.localstack.stack import LocalStack

SCRIPT = Path(__file__).with_name("worker.py")
WORKERS = ("a", "b", "c")
PARTITIONS = 4
KEYS, HOT_KEYS, ACCOUNTS = 10_000, 100, 100
#: Shares of events that count hot keys, and that move something.
HOT, MOVES = 0.1, 0.03
#: Faults in turn: of five kills two strike anywhere, one inside a commit.
FAULTS = ("kill", "kill in commit", "stop", "kill", "freeze")
#: Without transactions nothing fences a frozen worker's last writes, and there is no commit to be inside of.
PLAIN_FAULTS = ("kill", "stop")
#: Longer than a session, a takeover and a table's recovery.
QUIET_S = 10.0
#: Longer than a dead worker's session, its transaction and the work that was left over.
DONE_S = 90.0


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def event(chance: random.Random, number: int) -> tuple[bytes | None, bytes]:
    """An event's key and value. Transfers have no key: all are of one partition, and none waits for another."""
    kind = chance.random()
    if kind < MOVES:
        giver, taker = chance.sample(range(ACCOUNTS), 2)
        return None, b"move %d %d %d" % (giver, taker, chance.randint(1, 500))
    if kind < MOVES + HOT:
        # Under keys of many: what counts at the same time counts the same thing.
        return b"any-%d" % number, b"count hot-%d" % chance.randrange(HOT_KEYS)
    key = b"key-%d" % chance.randrange(KEYS)
    return key, b"count " + key


def show(plan: Plan) -> int:
    """Ask each partition for its tables. Returns how many events that are."""
    producer = Producer({"bootstrap.servers": plan.bootstrap, "enable.idempotence": True})
    for partition in range(PARTITIONS):
        producer.produce(plan.source, value=b"show", partition=partition)
    assert producer.flush(30) == 0
    return PARTITIONS


def run(bootstrap: str, folder: Path, protocol: str, options: argparse.Namespace) -> StateJudgement:
    """Rounds with one fault each under one protocol."""
    settings = {"commit_interval": 0.05, **PROTOCOLS[protocol], "standby": options.standby}
    store = options.store
    exact = options.guarantee == "exactly_once"
    plan = new_plan(
        bootstrap,
        f"state-{protocol}",
        settings,
        partitions=PARTITIONS,
        work=0.01,
        concurrency=64,
        store=store,
        guarantee=options.guarantee,
    )
    chance = random.Random(options.seed)
    kinds = FAULTS if exact else PLAIN_FAULTS
    faults = [kinds[number % len(kinds)] for number in range(options.faults)]
    share = max(1, options.events // max(1, len(faults)))
    total, published = StateJudgement(), 0
    with Fleet(plan, folder, stable=False, script=SCRIPT) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        judge = StateJudge(bootstrap, plan.source, plan.sink, plan.group, PARTITIONS)
        for number, fault in enumerate(faults):
            events = [event(chance, number * share + one) for one in range(share)]
            began = time.monotonic()
            values = range(len(events))
            with LiveFeed(bootstrap, plan.source, values, options.rate, events.__getitem__, unkeyed=0) as feed:
                time.sleep(min(1.0, share / options.rate / 3))
                name = WORKERS[number % len(WORKERS)]
                struck = fleet.strike(name, fault, chance)
                feed.finish(share / options.rate + 120)
            fleet.wait_ready()
            published += share
            done = judge.wait(published, DONE_S, fleet.check_alive)
            published += show(plan)
            done = judge.wait(published, DONE_S, fleet.check_alive) and done
            if exact:
                found = judge.judge()
            else:
                judge.wait_quiet(QUIET_S, fleet.check_alive)
                show(plan)
                judge.wait_quiet(QUIET_S, fleet.check_alive)
                published += PARTITIONS
                found = judge.judge_at_least_once()
            found.miscounted += not done
            total.add(found)
            seconds = time.monotonic() - began
            say(f"{protocol} {number + 1}/{len(faults)}: {struck} of {name}, {share} events, {seconds:.0f} s; {found}")
            if found:
                say(f"  {judge.outcomes.count} outcomes of {judge.events.count} events, {published} published")
                break  # what is wrong stays so
        judge.close()
        say(f"{protocol}: {published} events, {fleet.kills} kills, {fleet.kills_in_commit} of them inside a commit")
    return total


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.state", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of both protocols together")
    parser.add_argument("--faults", type=int, default=50, help="of both protocols together; three of five are kills")
    parser.add_argument("--rate", type=float, default=3_000.0, help="events a second")
    parser.add_argument("--store", default="memory://", help="or rocksdb://")
    parser.add_argument("--standby", choices=("none", "all"), default="none")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), help="only this one")
    parser.add_argument("--guarantee", choices=("exactly_once", "at_least_once"), default="exactly_once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    options = parser.parse_args(arguments)
    protocols = [options.protocol] if options.protocol else list(PROTOCOLS)
    options.events //= len(protocols)
    options.faults = max(1, options.faults // len(protocols))
    total = StateJudgement()
    with tempfile.TemporaryDirectory(prefix="chaos-state-") as name:
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            bootstrap = stack.up(("kafka",)).kafka_bootstrap
            for protocol in protocols:
                total.add(run(bootstrap, (options.keep or Path(name)) / protocol, protocol, options))
        finally:
            stack.down()
    said = asdict(total)
    if options.guarantee == "exactly_once":
        del said["counted_again"]
    print(json.dumps(said), flush=True)
    return int(bool(total))


if __name__ == "__main__":
    sys.exit(main())
