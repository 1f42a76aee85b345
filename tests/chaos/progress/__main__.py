"""Progress and duplicates on real workers that are killed and frozen while children read: ``make chaos-progress``.

Activities come at a steady pace, a tenth of them a second time, on days that are in no order, so that many are late.
Teachers overrule verdicts as results come, some of them twice. Every few seconds one of two workers is ended, by
SIGTERM or by kill -9, and another begins; or it is frozen for longer than its session, and the other one takes over.

After each fault everything that was told since the last one is compared with a computation from the results and the
corrections that it was told of. All the time any of the workers is asked for anybody, the one that wakes up as
hard as can be: each answer has to be what was told, and not older than what the asker could have read before. In the
end each activity has one result, each that came twice one letter, and the newest progress equals a
computation from all results and corrections, in another order. The last line is JSON, what is wrong and how much was
looked at; the exit code is 0 only if nothing is wrong. Run from ``tests/`` as ``python -m chaos.progress``.
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
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.activities import activity, phrase, value
from support.feeding import LiveFeed
from support.progress import settings_of
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.waiting import wait_for
from support.worker_process import WorkerProcess

from streamproc.client import Connection, CorrectionPublisher, Verdict, overrule
from streamproc.kafka.places import write_place
from streamproc.localstack.stack import Addresses, LocalStack

from .asking import Asking
from .watching import Watch

WRONG = (
    "missing",
    "duplicated",
    "letters_missing",
    "letters_unknown",
    "results_untold",
    "told_twice",
    "told_of_nothing",
    "progress_wrong",
    "progress_wrong_in_the_end",
    "answers_stale",
    "answers_wrong",
    "answers_untold",
)
"""What there must be none of."""

LEARNERS, READINGS = 20, 5
TWICE = 0.1
PERIOD_S, SETTLED_S = 4.0, 2.0
"""Between two faults; and how long after one every question is answered again."""
FAULTS = ("SIGTERM", "SIGKILL", "freeze")
SESSION_S, FROZEN_S, PRESSED_S = 3, 6.0, 2.0
TENANT = activity(phrase()).tenant_id
WAIT_S = 120.0
CHECK_S = 20.0
OVERRULED = 0.3
TOKEN = "a-token-for-tests-of-progress"
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


class Fleet:
    """Two workers; one after the other is struck. Leaving the context ends them."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._started = itertools.count()
        self.workers: list[WorkerProcess] = []
        self.struck: Counter[str] = Counter()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

    def start(self) -> None:
        """One more."""
        self.workers.append(WorkerProcess(self._settings, self._folder / f"worker-{next(self._started)}.log"))

    def wait_ready(self) -> None:
        """Until all are."""
        for worker in self.workers:
            worker.wait_ready()

    def strike(self, fault: str, asking: Asking) -> None:
        """Do this to the worker that was there first, and have two that are ready."""
        self.struck[fault] += 1
        worker = self.workers[0]
        if fault == "freeze":
            worker.signal(signal.SIGSTOP)
            time.sleep(FROZEN_S)
            worker.signal(signal.SIGCONT)
            asking.press(worker, PRESSED_S)
            self.workers.append(self.workers.pop(0))
        else:
            # Asked for as long as it runs.
            if fault == "SIGKILL":
                worker.kill()
            else:
                assert worker.terminate() == 0, worker.log_text()[-4000:]
            self.start()
            self.workers.remove(worker)
        self.wait_ready()


def overrule_as_results_come(
    watch: Watch, publisher: CorrectionPublisher, chance: random.Random, looked: set[str]
) -> None:
    """A teacher says otherwise of a word in some of the results that were not looked at yet."""
    for name, one in list(watch.results.items()):
        words = [index for index, word in enumerate(one.phrases[0].words) if word.text is not None]
        if name in looked or not words:
            continue
        looked.add(name)
        if chance.random() >= OVERRULED:
            continue
        made = overrule(
            one,
            one.phrases[0].index,
            chance.choice(words),
            chance.choice([Verdict.CORRECT, Verdict.MISPRONOUNCED, Verdict.OMITTED]),
            correction_id=name,
            corrected_by="teacher-1",
            corrected_at=datetime.now(UTC),
        )
        for _ in range(chance.randint(1, 2)):
            place = publisher.send(made).result(30)
            watch.corrections[write_place(place.topic, place.partition, place.offset)] = made


def run(stack: Addresses, folder: Path, options: argparse.Namespace) -> tuple[Counter[str], dict[str, Any]]:
    """Do it all. Returns what is wrong, by what; and what was looked at."""
    topics = TestTopics(stack.kafka_bootstrap)
    settings = {
        **topics.settings,
        **settings_of(topics, TOKEN, READINGS),
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": str(SESSION_S),
        "STREAMPROC_DUPLICATES__WINDOW": "86400",
        "STREAMPROC_LOG__FORMAT": "json",
    }
    schema_id = prepare(settings, topics)
    chance = random.Random(options.seed)
    numbers = [number for number in range(options.activities) for _ in range(1 + (chance.random() < TWICE))]
    twice = [number for number, count in Counter(numbers).items() if count > 1]
    learners = [(TENANT, f"learner-{number}") for number in range(LEARNERS)]

    def record(number: int) -> tuple[bytes, bytes]:
        learner = f"learner-{number % LEARNERS}"
        started = BEGIN + timedelta(days=number * 7 % 11, seconds=number)
        event = activity(phrase(), activity_id=f"reading-{number}", learner_id=learner)
        return learner.encode(), value(replace(event, started_at=started, submitted_at=started), schema_id)

    connection = Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
    correction_topic = settings["STREAMPROC_PROGRESS__CORRECTION_TOPIC"]
    wrong, checks, looked = Counter[str](), 0, set[str]()
    with (
        Watch(topics, READINGS) as watch,
        Fleet(settings, folder) as fleet,
        CorrectionPublisher(connection, source="/chaos", topic=correction_topic) as publisher,
        Asking(watch, fleet.workers, learners, TOKEN) as asking,
    ):
        fleet.start()
        fleet.start()
        fleet.wait_ready()
        with LiveFeed(stack.kafka_bootstrap, topics.activities, numbers, options.rate, record) as feed:
            for fault in itertools.cycle(FAULTS):
                struck = time.monotonic()
                while time.monotonic() < struck + PERIOD_S:
                    asking.at_rest = time.monotonic() > struck + SETTLED_S
                    overrule_as_results_come(watch, publisher, chance, looked)
                    time.sleep(0.1)
                asking.at_rest = False
                if not feed.running:
                    break
                fleet.strike(fault, asking)
                found = watch.check(CHECK_S)
                wrong, checks = wrong + found, checks + 1
                say(f"{fault} at {feed.fed} activities; {len(watch.results)} results told of; wrong: {dict(found)}")
            feed.finish(60)
        wait_for(lambda: len(watch.results) >= options.activities, "all results", WAIT_S)
        overrule_as_results_come(watch, publisher, chance, looked)
        fleet.strike("SIGKILL", asking)
        # One too many would come late.
        wait_for(lambda: _at_rest(watch), "the end of what is told", WAIT_S)
        letters = topics.read_letters(len(twice))
        for worker in fleet.workers:
            worker.wait_for(lambda: asking.everybody(worker), "answers for everybody", WAIT_S)  # noqa: B023
    wrong += watch.check(CHECK_S)
    wrong += watch.finally_wrong()
    wrong += watch.answers_wrong(asking.answers)
    seen = watch.scored
    told_twice = {record(number)[1]: number for number in twice}
    refused = Counter(told_twice.get(one.record.value or b"", -1) for one in letters)
    expected = Counter(dict.fromkeys(twice, 1))
    wrong["missing"] = sum(f"reading-{number}" not in seen for number in range(options.activities))
    wrong["duplicated"] = sum(count - 1 for count in seen.values())
    wrong["letters_missing"] = sum((expected - refused).values())
    wrong["letters_unknown"] = sum((refused - expected).values())
    return wrong, {
        "activities": options.activities,
        "published_twice": len(twice),
        "corrections": len(watch.corrections),
        "told": sum(map(len, watch.told.values())),
        "faults": dict(fleet.struck),
        "checks": checks + 1,
        "answers": len(asking.answers),
        "not_now": asking.not_now,
        "not_now_at_rest": asking.not_now_at_rest,
    }


def _at_rest(watch: Watch) -> bool:
    """Whether nothing is told for a while."""
    before = len(watch.results), sum(map(len, watch.told.values()))
    time.sleep(4)
    return (len(watch.results), sum(map(len, watch.told.values()))) == before


def main(arguments: list[str] | None = None) -> int:
    """Run it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.progress", description=__doc__)
    parser.add_argument("--activities", type=int, default=900)
    parser.add_argument("--rate", type=float, default=8.0, help="activities a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chaos-progress-") as name:
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            wrong, looked_at = run(stack.up(), Path(name), options)
        finally:
            stack.down()
    print(json.dumps({**{name: wrong[name] for name in WRONG}, **looked_at}), flush=True)
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
