"""What is published twice, worked on by processes that are killed, on a real broker: one event of two is the first."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from support import deduplicating_worker
from support.committed_topic import CommittedTopic
from support.deduplicating_worker import WINDOW
from support.feeding import LiveFeed
from support.fleet import PROTOCOLS, Fleet
from support.plan import new_plan
from support.waiting import wait_for

WORKER = Path(deduplicating_worker.__file__)
NUMBERS, PARTITIONS = 600, 3
#: Seconds of the records' time between two events; and how far out of order they are.
STEP, JITTER = 6.0, 300.0


def comes_later(number: int) -> bool:
    """Whether it comes again only when its window is over: every tenth, as long as enough others come in between."""
    return number % 10 == 0 and number < NUMBERS - 150


def twice(chance: random.Random) -> list[tuple[int, int]]:
    """Each number two times, with the records' times in ms: right behind, or up to ten events, or some 200 later."""
    places = []
    for number in range(NUMBERS):
        places.append((2.0 * number, number))
        later = 200 if comes_later(number) else chance.choice([0.5, 3, 10])
        places.append((2.0 * number + later, number))
    first = time.time() - 20_000
    return [
        (number, round((first + STEP * place - chance.uniform(0, JITTER)) * 1000))
        for place, (_, number) in enumerate(sorted(places))
    ]


def test_each_number_is_worked_on_once_whatever_is_killed(kafka_bootstrap: str, tmp_path: Path) -> None:
    """kill -9 at any moment and inside a commit, a second worker that comes and goes; events of a number overlap."""
    settings = {**PROTOCOLS["kip848"], "ordering": "unordered", "transaction_timeout": 120.0}
    plan = new_plan(kafka_bootstrap, "twice", settings, partitions=PARTITIONS, work=0.05)
    events = twice(random.Random(1))
    values, times = zip(*events, strict=True)
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)

    def take(message: Any) -> None:
        outcome = json.loads(message.value())
        found[outcome["number"]].append(outcome)

    sink = CommittedTopic(kafka_bootstrap, plan.sink, PARTITIONS, take)

    def outcomes(count: int) -> None:
        def there() -> bool:
            sink.read(0.2)
            fleet.check_alive()
            return sink.count >= count

        wait_for(there, f"{count} outcomes", 90)

    with (
        Fleet(plan, tmp_path, script=WORKER) as fleet,
        LiveFeed(
            kafka_bootstrap, plan.source, values, 100, lambda n: (b"%d" % (n % 40), b"%d" % n), times=times
        ) as feed,
    ):
        fleet.start("a")
        outcomes(200)
        fleet.kill("a")
        fleet.start("a")
        fleet.start("b")
        outcomes(500)
        # One whose partitions are on their way commits nothing.
        killed = next((name for name in "abab" if fleet.kill_in_commit(name, 5)), None)
        assert killed, "nobody commits"
        fleet.start(killed)
        outcomes(800)
        fleet.stop("b")
        del fleet.members["b"]
        feed.finish(60)
        outcomes(len(events))
        fleet.stop("a")
    while sink.read(1.0):
        pass
    sink.close()
    positions = [outcome["position"] for of_number in found.values() for outcome in of_number]
    assert len(set(positions)) == len(positions) == len(events), "one outcome for each event"
    for number, (one, other) in found.items():
        if comes_later(int(number)):
            assert one["first"] != other["first"], f"{number} came again after {WINDOW}"
        else:
            assert one["first"] == other["first"], f"{number} was worked on twice"
            assert one["first"] in (one["position"], other["position"])
