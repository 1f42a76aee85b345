"""The acts of models that come and go, one after the other, while activities come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from support.feeding import LiveFeed
from support.models_rig import BROKEN, CANDIDATE, DEAF, SHADE, SHIPPED, SLOW, ModelsRig, wait_until
from support.result_judge import ResultJudge
from support.strange_events import Stranger

from streamproc.contracts.generated.events import Result

WORKERS = 2
SHARE = 0.3
TRIES = 3
"""So often is a command killed before it may end."""


class Play:
    """Takes what goes wrong to ``wrong``, and what is worth telling to ``figures``.

    Args:
        rig: the workers, the Triton, the commands.
        outcomes: reads the results.
        feed: publishes the activities.
        stranger: writes to the control topic.
        say: told of progress.
        seed: of what is left to chance.
    """

    def __init__(
        self,
        rig: ModelsRig,
        outcomes: ResultJudge,
        feed: LiveFeed,
        stranger: Stranger,
        say: Callable[[str], None],
        seed: int,
    ) -> None:
        self._rig = rig
        self._outcomes = outcomes
        self._feed = feed
        self._stranger = stranger
        self._say = say
        self._random = Random(seed)
        self.wrong: list[str] = []
        self.figures: dict[str, Any] = {}
        self.kills = 0
        self.killed_commands = Counter[str]()
        """By what came of it: "written" or "not written"."""

    def run(self) -> None:
        """All of them."""
        for act in (
            self.shadow_is_compared,
            self.canary_has_its_learners_through_kills,
            self.strangers_write,
            self.two_operators_at_once,
            self.a_broken_canary_is_rolled_back,
            self.a_deaf_canary_is_rolled_back,
            self.a_slow_canary_is_rolled_back,
            self.promoted_by_commands_that_are_killed,
            self.rolled_back_by_commands_that_are_killed,
        ):
            began = time.monotonic()
            try:
                act()
            except AssertionError as error:
                self.wrong.append(f"{act.__name__}: {error}")
            self._say(f"{act.__name__}: {time.monotonic() - began:.0f} s, wrong so far: {self.wrong}")

    def shadow_is_compared(self) -> None:
        """It hears what the champion hears; that none of it is published, the report says."""
        self._rig.done("shadow", f"{SHADE}/2")
        self._until(lambda: self._compared("shadow") > 5, "comparisons with the shadow", 60)

    def canary_has_its_learners_through_kills(self) -> None:
        """The split is by learner, the same on all workers, before and after kill -9 of commands and of a worker."""
        canary = ("canary", f"{CANDIDATE}/2", "--share", str(SHARE), "--sha256", self._rig.sha256[CANDIDATE])
        self._insisted(canary, lambda state: state["canary"] is not None)
        self._settled()
        first = self._feed.fed
        self._pass(8)
        second = self._feed.fed
        self._kill(self._random.randrange(WORKERS))
        self._pass(4)
        for worker in self._rig.workers:
            worker.wait_ready()
        self._settled()
        third = self._feed.fed
        self._pass(8)
        before, after = self._results(first, second), self._results(third, self._feed.fed)
        # Until the new worker has the canary ready, its champion scores all: between second and third.
        wrong = self._rig.misrouted([*before, *after], CANDIDATE, SHARE)
        self._demand(not wrong, f"the split is another one than the share's: {wrong[:5]}")
        models = {one.learner_id: one.model.name for one in before}
        again = [one for one in after if one.learner_id in models]
        moved = sum(models[one.learner_id] != one.model.name for one in again)
        self._demand(len(again) > 0 and not moved, f"{moved} of {len(again)} learners changed their model in a kill")
        self.figures["split"] = {
            **Counter(one.model.name for one in (*before, *after)),
            "learners seen before and after a kill": len(again),
            "of them with another model": moved,
        }

    def strangers_write(self) -> None:
        """What no command writes changes nothing on any worker, and the audit has it."""
        before = self._rig.done("status")
        revision = before["revision"]
        self._stranger.write(*self._stranger.rubbish(), self._stranger.late(revision))
        for make in self._stranger.too_large_a_canary, self._stranger.out_of_range, self._stranger.newer:
            revision = self._stranger.write(make(revision))
        self._until(lambda: self._rig.all_at(revision), "the strangers' revision on all workers", 60)
        after = self._rig.done("status", "--changes", "4")
        fates = [one["fate"] for one in after["changes"]]
        self._demand(fates == ["late", "refused", "refused", "unknown"], f"strangers' events are {fates}")
        same = all(after[part] == before[part] for part in ("champion", "canary", "shadow", "live"))
        self._demand(same and after["revision"] == revision, "strangers' events change something")
        told = [self._rig.logged(text) for text in ("a control record is passed over", "a control event is not obeyed")]
        self._demand(told == [WORKERS, WORKERS], f"{told} workers have warned of strangers' events")
        refused = self._rig.models("canary", f"{SHADE}/2", "--share", "101%", "--sha256", self._rig.sha256[SHADE])
        self._demand(refused.returncode == 1 and "not 101 %" in refused.stdout, "a canary of 101 % is not refused")
        self.figures["strangers"] = dict(Counter(fates))

    def two_operators_at_once(self) -> None:
        """Each is in the log; whoever was late is told so."""
        before = self._rig.done("status")
        names = (DEAF, BROKEN, CANDIDATE)
        commands = [self._rig.begin("shadow", f"{name}/2", "--sha256", self._rig.sha256[name]) for name in names]
        for command in commands:
            self._until(lambda command=command: command.poll() is not None, "an operator's answer", 60)
        codes = [command.returncode for command in commands]
        changes = self._changes_since(before["revision"])
        obeyed = [one for one in changes if one["fate"] == "obeyed"]
        self._demand(len(obeyed) == codes.count(0) >= 1, f"of operators at once: {codes}, obeyed {len(obeyed)}")
        self._demand(len(changes) == len(commands), "a change is not in the log")
        self.figures["operators"] = {"obeyed": len(obeyed), "told that they were late": codes.count(1)}
        self._rig.done("shadow", f"{SHADE}/2")

    def a_broken_canary_is_rolled_back(self) -> None:
        """By its errors, though a worker is killed meanwhile."""
        self._bad(BROKEN, "fails on", kill=True)

    def a_deaf_canary_is_rolled_back(self) -> None:
        """By its scores."""
        self._bad(DEAF, "points below", kill=False)

    def a_slow_canary_is_rolled_back(self) -> None:
        """By its latency."""
        self._bad(SLOW, "times as long", kill=False)

    def promoted_by_commands_that_are_killed(self) -> None:
        """Once, and a worker that is killed meanwhile begins with the new champion."""
        promote = ("promote", f"{CANDIDATE}/2", "--sha256", self._rig.sha256[CANDIDATE], "--force")
        self._insisted(promote, lambda state: (state["champion"] or {}).get("name") == CANDIDATE)
        self._kill(0)
        for worker in self._rig.workers:
            worker.wait_ready()
        self._settled()
        self._pass(3)  # Readings that were begun before end as they began.
        self._made_by(CANDIDATE, 8)

    def rolled_back_by_commands_that_are_killed(self) -> None:
        """To the champion before, once."""
        self._insisted(("rollback", "--champion"), lambda state: state["champion"] is None)
        self._settled()
        self._pass(4)
        self._made_by(SHIPPED, 6)

    def _made_by(self, model: str, seconds: float) -> None:
        since = self._feed.fed
        self._pass(seconds)
        names = {one.model.name for one in self._results(since, self._feed.fed)}
        self._demand(names == {model}, f"{names} made results, and {model} alone should")

    def _insisted(self, command: tuple[str, ...], done: Callable[[dict[str, Any]], bool]) -> None:
        """A command that is killed again and again, at any moment and at last between its event and its answer: what it
        should do is done once.
        """
        since = self._rig.done("status")["revision"]
        for left in reversed(range(TRIES)):
            if left:
                began = self._rig.begin(*command)
                self._pass(self._random.uniform(0.2, 1.0) * self._rig.quickest_command_s)
            else:
                began = self._rig.begin_until_written(*command)
            killed = began.poll() is None
            began.kill()  # `streamproc models` is one process: no child goes on.
            began.wait(30)
            is_done = done(self._rig.done("status"))
            if killed:
                self.killed_commands["written" if is_done else "not written"] += 1
            if is_done:
                break
        else:
            self.wrong.append(f"{command[0]} is not done, however often it is tried")
        obeyed = [one for one in self._changes_since(since) if one["fate"] == "obeyed"]
        self._demand(len(obeyed) == 1, f"{command[0]} is obeyed {len(obeyed)} times")

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
            for one in self._changes_since(begun["revision"])
            if one["kind"] == "ROLLBACK" and one["canary_id"] == canary and one["fate"] == "obeyed"
        ]
        self._demand(len(rolled) == 1, f"{len(rolled)} rollbacks of {model} are obeyed")
        self._demand(all(reason in one["reason"] for one in rolled), f"{model}: {[one['reason'] for one in rolled]}")
        for worker in self._rig.workers:
            worker.wait_ready()

    def _changes_since(self, revision: int) -> list[dict[str, Any]]:
        changes = self._rig.done("status", "--changes", "100")["changes"]
        return [one for one in changes if one["offset"] > revision]

    def _settled(self) -> None:
        """Wait until every worker has read all, and uses the models that it names."""
        state = self._rig.done("status")
        self._until(lambda: self._rig.all_at(state["revision"]), "the revision on all workers", 60)
        if state["canary"] is not None:
            id_ = state["canary"]["id"]
            self._until(lambda: self._rig.logged("a canary begins", id_) == WORKERS, "canary on all workers", 60)

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
