"""Progress and duplicates on real workers that are killed and restarted while children read: ``make chaos-progress``.

Activities come at a steady pace, a tenth of them a second time, on days that are in no order. Every few seconds one of
two workers is ended, by SIGTERM or by kill -9, and another begins. Then teachers overrule verdicts. In the end each
activity has one result, each that came twice one letter, and what is told of each learner equals a recomputation from
all results and corrections. The last line is JSON, what is wrong; the exit code is 0 only if that is nothing. Run from
``tests/`` as ``python -m chaos.progress``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.activities import activity, phrase, value
from support.feeding import LiveFeed
from support.progress import corrected, results_of, settings_of, states_of, summaries, told
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

from streamproc.client import Connection, CorrectionPublisher
from streamproc.contracts.corrections import overrule
from streamproc.contracts.generated.events import Result, Verdict
from streamproc.contracts.generated.events_correction import Correction
from streamproc.localstack.stack import Addresses, LocalStack

LEARNERS, READINGS = 20, 5
TWICE = 0.1
PERIOD_S = 4.0
KILLS_OF = 2
"""Of so many faults one is a kill -9."""
WAIT_S = 120.0
TOKEN = "a-token-for-tests-of-progress"
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def run(stack: Addresses, folder: Path, options: argparse.Namespace) -> dict[str, int]:
    """Do it all; what is wrong, by what."""
    topics = TestTopics(stack.kafka_bootstrap)
    settings = {
        **topics.settings,
        **settings_of(topics, TOKEN, READINGS),
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "3",
        "STREAMPROC_DUPLICATES__WINDOW": "86400",
        "STREAMPROC_LOG__FORMAT": "json",
    }
    schema_id = prepare(settings, topics)
    chance = random.Random(options.seed)
    numbers = [number for number in range(options.activities) for _ in range(1 + (chance.random() < TWICE))]
    twice = [number for number, count in Counter(numbers).items() if count > 1]

    def record(number: int) -> tuple[bytes, bytes]:
        learner = f"learner-{number % LEARNERS}"
        started = BEGIN + timedelta(days=number * 7 % 11, seconds=number)
        event = activity(phrase(), activity_id=f"reading-{number}", learner_id=learner)
        return learner.encode(), value(replace(event, started_at=started, submitted_at=started), schema_id)

    logs = itertools.count()

    def start() -> WorkerProcess:
        return WorkerProcess(settings, folder / f"worker-{next(logs)}.log")

    workers, faults = [start(), start()], Counter[str]()
    try:
        for worker in workers:
            worker.wait_ready()
        with LiveFeed(stack.kafka_bootstrap, topics.activities, numbers, options.rate, record) as feed:
            for turn in itertools.count(1):
                time.sleep(PERIOD_S)
                if not feed.running:
                    break
                faults[_end(workers.pop(0), kill=turn % KILLS_OF == 0)] += 1
                workers.append(start())
            feed.finish(60)
        say(f"{len(numbers)} activities published, {dict(faults)}")
        results = results_of(topics, options.activities, WAIT_S)
        letters = topics.read_letters(len(twice))
        states = states_of(results, READINGS)
        corrections = [one for found in results.values() for one in _overruled(found, chance)]
        connection = Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
        topic = settings["STREAMPROC_PROGRESS__CORRECTION_TOPIC"]
        with CorrectionPublisher(connection, source="/chaos", topic=topic) as publisher:
            for correction in corrections:
                publisher.send(correction).result(30)
        faults[_end(workers.pop(0), kill=True)] += 1
        workers.append(start())
        changed = corrected(states, corrections)
        progress = told(topics, options.activities + changed, WAIT_S)
        # One too many would come late.
        late = len(topics.read(topics.results, options.activities + 1, 5.0)) - options.activities
    finally:
        for worker in workers:
            worker.end()
    wanted = summaries(states)
    seen = Counter(one.activity_id for found in results.values() for one in found)
    told_twice = {record(number)[1]: number for number in twice}
    refused = Counter(told_twice.get(one.record.value or b"", -1) for one in letters)
    expected = Counter(dict.fromkeys(twice, 1))
    return {
        "missing": sum(f"reading-{number}" not in seen for number in range(options.activities)),
        "duplicated": sum(count - 1 for count in seen.values()) + max(late, 0),
        "letters_missing": sum((expected - refused).values()),
        "letters_unknown": sum((refused - expected).values()),
        "progress_wrong": sum(progress[learner][-1:] != [one] for learner, one in wanted.items()),
        "revisions_wrong": sum(
            [one.revision for one in progress[learner]] != list(range(1, wanted[learner].revision + 1))
            for learner in wanted
        ),
    }


def _end(worker: WorkerProcess, *, kill: bool) -> str:
    """End a worker, in either way; the name of it."""
    worker.wait_ready()
    if kill:
        worker.kill()
        return "SIGKILL"
    assert worker.terminate() == 0, worker.log_text()[-4000:]
    return "SIGTERM"


def _overruled(results: list[Result], chance: random.Random) -> list[Correction]:
    """What a teacher says of some of a learner's results: of a word in each, and of one of them twice."""
    found = []
    for number, one in enumerate(results):
        words = [index for index, word in enumerate(one.phrases[0].words) if word.text is not None]
        if words and chance.random() < 0.5:
            made = overrule(
                one,
                one.phrases[0].index,
                chance.choice(words),
                chance.choice([Verdict.CORRECT, Verdict.MISPRONOUNCED, Verdict.OMITTED]),
                correction_id=f"{one.learner_id}-{number}",
                corrected_by="teacher-1",
                corrected_at=datetime.now(UTC),
            )
            found += [made] * chance.randint(1, 2)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.progress", description=__doc__)
    parser.add_argument("--activities", type=int, default=600)
    parser.add_argument("--rate", type=float, default=10.0, help="activities a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chaos-progress-") as name:
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            wrong = run(stack.up(), Path(name), options)
        finally:
            stack.down()
    print(json.dumps(wrong), flush=True)
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
