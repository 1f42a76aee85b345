"""Models under chaos: ``make chaos-models``, from ``tests/`` as ``python -m chaos.models``.

One live stream of activities; meanwhile models begin as shadow and canary, are promoted and rolled back, two canaries
are bad, and workers and commands are killed with SIGKILL. The last line is JSON; the exit code is 0 only if every
activity has exactly one result, each result names the model that made it, and every model made those that it should.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from support.feeding import LiveFeed
from support.models_rig import BROKEN, CANDIDATE, DEAF, SHADE, SHIPPED, ModelsRig, wait_until
from support.result_judge import ResultJudge

from streamproc.contracts.generated.events import Result
from streamproc.localstack.stack import LocalStack

WORKERS = 2
RATE = 6.0
"""Activities a second: two cores score them beside a Triton, and some twice."""
SHARE = 0.3
MOST = 3_000


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


class Play:
    """The acts, one after the other, while activities come."""

    def __init__(self, rig: ModelsRig, outcomes: ResultJudge, feed: LiveFeed, seed: int) -> None:
        self._rig = rig
        self._outcomes = outcomes
        self._feed = feed
        self._random = Random(seed)
        self.wrong: list[str] = []
        self.figures: dict[str, Any] = {}
        self.kills = 0
        self.killed_commands = 0

    def run(self) -> None:
        """All of them."""
        for act in (
            self.shadow_is_compared,
            self.canary_has_its_learners_through_kills,
            self.two_operators_at_once,
            self.a_broken_canary_is_rolled_back,
            self.a_deaf_canary_is_rolled_back,
            self.promoted_by_a_command_that_is_killed,
            self.rolled_back_to_the_old_champion,
        ):
            began = time.monotonic()
            try:
                act()
            except AssertionError as error:
                self.wrong.append(f"{act.__name__}: {error}")
            say(f"{act.__name__}: {time.monotonic() - began:.0f} s, wrong so far: {self.wrong}")

    def shadow_is_compared(self) -> None:
        self._rig.done("shadow", f"{SHADE}/2")
        self._until(lambda: self._compared("shadow") > 5, "comparisons with the shadow", 60)

    def canary_has_its_learners_through_kills(self) -> None:
        self._rig.canary(CANDIDATE, SHARE)
        self._until(lambda: self._rig.logged("a canary begins") == WORKERS, "canary on all workers", 60)
        since = self._feed.fed
        self._pass(8)
        self._kill(self._random.randrange(WORKERS))
        self._pass(4)
        for worker in self._rig.workers:
            worker.wait_ready()
        self._pass(8)
        results = self._results(since, self._feed.fed)
        self._demand(not self._rig.misrouted(results, CANDIDATE, SHARE), "the split is another one after a kill")
        self.figures["split"] = dict(Counter(one.model.name for one in results))

    def two_operators_at_once(self) -> None:
        before = self._rig.done("status")
        commands = [
            self._rig.begin("shadow", f"{name}/2", "--sha256", self._rig.sha256[name]) for name in (SHADE, DEAF, BROKEN)
        ]
        for command in commands:
            self._until(lambda command=command: command.poll() is not None, "an operator's answer", 60)
        codes = [command.returncode for command in commands]
        changes = [
            one for one in self._rig.done("status", "--changes", "50")["changes"] if one["offset"] > before["revision"]
        ]
        obeyed = [one for one in changes if one["fate"] == "obeyed"]
        self._demand(len(obeyed) == codes.count(0) >= 1, f"of operators at once: {codes}, obeyed {len(obeyed)}")
        self._demand(len(changes) == len(commands), "a change is not in the log")
        self.figures["operators"] = {"obeyed": len(obeyed), "told that they were late": codes.count(1)}
        self._rig.done("shadow", "--off")

    def a_broken_canary_is_rolled_back(self) -> None:
        self._bad(BROKEN, "fails on", kill=True)

    def a_deaf_canary_is_rolled_back(self) -> None:
        self._bad(DEAF, "points below", kill=False)

    def promoted_by_a_command_that_is_killed(self) -> None:
        arguments = ("promote", f"{CANDIDATE}/2", "--sha256", self._rig.sha256[CANDIDATE], "--force")
        while self._champion() != CANDIDATE:
            command = self._rig.begin(*arguments)
            self._pass(self._random.uniform(0.5, 3.0))
            if command.poll() is None:
                command.kill()  # `streamproc models` is one process: no child goes on.
                self.killed_commands += 1
            command.wait(30)
            if self.killed_commands >= 3:
                self._rig.models(*arguments)  # refused, where it is champion already
        self._kill(0)
        revision = self._rig.done("status")["revision"]
        for worker in self._rig.workers:
            worker.wait_ready()
        self._until(lambda: self._rig.all_at(revision), "the revision on all workers", 60)
        self._pass(3)  # Readings that were begun before end as they began.
        since = self._feed.fed
        self._pass(8)
        names = {one.model.name for one in self._results(since, self._feed.fed)}
        self._demand(names == {CANDIDATE}, f"after the promotion {names} made results")

    def rolled_back_to_the_old_champion(self) -> None:
        revision = self._rig.done("rollback", "--champion")["revision"]
        self._until(lambda: self._rig.all_at(revision), "the revision on all workers", 60)
        self._pass(4)
        since = self._feed.fed
        self._pass(6)
        names = {one.model.name for one in self._results(since, self._feed.fed)}
        self._demand(names == {SHIPPED}, f"after the rollback {names} made results")

    def _bad(self, model: str, reason: str, *, kill: bool) -> None:
        begun = self._rig.canary(model, 0.5)
        since = time.monotonic()
        if kill:
            self._pass(1.0)
            self._kill(1)
        self._until(lambda: self._rig.done("status")["canary"] is None, f"rollback of {model}", 180)
        self.figures[f"{model}_rolled_back_after_s"] = round(time.monotonic() - since, 1)
        self._pass(6)
        canary = begun["change"]["change_id"]
        rolled = [
            one
            for one in self._rig.done("status", "--changes", "100")["changes"]
            if one["kind"] == "ROLLBACK" and one["canary_id"] == canary and one["fate"] == "obeyed"
        ]
        self._demand(len(rolled) == 1, f"{len(rolled)} rollbacks of {model} are obeyed")
        self._demand(all(reason in one["reason"] for one in rolled), f"{model}: {[one['reason'] for one in rolled]}")
        for worker in self._rig.workers:
            worker.wait_ready()

    def _champion(self) -> str:
        champion = self._rig.done("status")["champion"]
        return str(champion["name"]) if champion else SHIPPED

    def _kill(self, place: int) -> None:
        self._rig.kill_worker(place)
        self.kills += 1

    def _compared(self, of: str) -> float:
        return sum(
            max(0.0, self._rig.metric(worker, "streamproc_comparisons_total", of=of, end="compared"))
            for worker in self._rig.workers
        )

    def _results(self, first: int, beyond: int) -> list[Result]:
        """The results of these activities, waited for."""
        numbers = range(first, beyond)
        self._until(lambda: self._outcomes.seen.keys() >= set(numbers), "results", 90)
        return [self._outcomes.results[number] for number in numbers]

    def _pass(self, seconds: float) -> None:
        self._outcomes.read(seconds)

    def _until(self, condition: Any, what: str, seconds: float) -> None:
        wait_until(condition, what, seconds, lambda: self._outcomes.read(0.2))

    def _demand(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.models", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave logs in this folder")
    parser.add_argument("--save", type=Path, help="write the report here too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chaos-models-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            addresses = stack.up(("kafka", "registry"))
            with ModelsRig.opened(addresses, folder, WORKERS) as rig:
                report = _play(rig, options.seed)
        finally:
            stack.down()
    if options.save is not None:
        options.save.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report), flush=True)
    return int(not report["ok"])


def _play(rig: ModelsRig, seed: int) -> dict[str, Any]:
    outcomes = ResultJudge(rig.topics)
    with LiveFeed(rig.topics.bootstrap, rig.topics.activities, range(MOST), RATE, rig.record) as feed:
        play = Play(rig, outcomes, feed, seed)
        outcomes.read(3.0)
        play.run()
    published = feed.fed
    deadline = time.monotonic() + 90
    while not outcomes.seen.keys() >= set(range(published)) and time.monotonic() < deadline:
        outcomes.read(0.5)
    outcomes.read(3.0)  # One too many would come late.
    letters = sum(1 for _ in itertools.islice(rig.topics.read(rig.topics.letters, 1, seconds=3.0), 1))
    results = list(outcomes.results.values())
    made = Counter(one.model.name for one in results)
    report = {
        "events": published,
        "lost": published - len(outcomes.seen),
        "duplicated": sum(count - 1 for count in outcomes.seen.values()),
        "dead_lettered": letters,
        "of_no_known_model": len(rig.strangers(results)),
        "of_the_shadow": made[SHADE],
        "by_model": dict(made),
        "killed_workers": play.kills,
        "killed_commands": play.killed_commands,
        "wrong": play.wrong,
        **play.figures,
    }
    zeros = ("lost", "duplicated", "dead_lettered", "of_no_known_model", "of_the_shadow")
    return {"ok": not play.wrong and not any(report[name] for name in zeros), **report}


if __name__ == "__main__":
    sys.exit(main())
