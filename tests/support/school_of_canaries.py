"""A simulated day of a canary: learners who read, a champion and a canary that judge their words. Seeded, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from streamproc.routing.guard import ERRORS, POINTS, SLOWER, CanaryGuard, Verdict

LEARNERS = 400
WORDS = 30
"""Of a reading, on average."""


@dataclass(frozen=True, slots=True)
class CanaryDay:
    """What differs between canary and champion.

    fall: points of accuracy, 0.03 for three. slower: factor of the canary's latency. fails: share of its events on
    which the canary fails. disagree: share of words on which two equal models differ by chance. moods: standard
    deviation of how much a canary suits a single learner better or worse than the champion, in points.
    """

    fall: float = 0.0
    slower: float = 1.0
    fails: float = 0.0
    disagree: float = 0.06
    moods: float = 0.005


AT_ITS_BOUNDS = CanaryDay(fall=POINTS, slower=SLOWER, fails=ERRORS)
"""The worst canary that keeps its bounds: with no other are false alarms as likely."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the workers' tests said first, after how many of the canary's activities; None: nothing, all day."""

    verdict: Verdict | None
    activities: int


def simulate(day: CanaryDay, activities: int, workers: int, seed: int, beginnings: int = 1) -> Found:
    """The canary's activities of a day, spread over workers as partitions spread them, by learner.

    ``beginnings``: so often each worker starts in the day, one after the other, and knows nothing of what it had seen.
    """
    random = Random(seed)
    guards = [_guard(workers) for _ in range(workers)]
    starts = beginnings * workers
    ability = [random.betavariate(18, 2) for _ in range(LEARNERS)]
    mood = [random.gauss(0.0, day.moods) for _ in range(LEARNERS)]
    load = 0.0
    for done in range(1, activities + 1):
        start, before = (starts * moment // activities for moment in (done, done - 1))
        if start != before and workers <= start < starts:
            guards[start % workers] = _guard(workers)
        learner = min(int(random.expovariate(4 / LEARNERS)), LEARNERS - 1)  # some read much more than others
        guard = guards[learner % workers]
        load = 0.98 * load + random.gauss(0.0, 0.1)  # latency drifts by a factor of two in both directions
        if random.random() < day.fails:
            guard.failed(champion_answered=True)
        else:
            guard.answered(day.slower * _latency(random, load))
            champion, canary = _shares(random, ability[learner], mood[learner] - day.fall, day.disagree)
            guard.compared(canary, champion)
        guard.champion_answered(_latency(random, load))
        if (verdict := guard.verdict) is not None:
            return Found(verdict, done)
    return Found(None, activities)


def _guard(workers: int) -> CanaryGuard:
    return CanaryGuard("canary", lambda: 1 / workers)


def _latency(random: Random, load: float) -> float:
    return math.exp(-3.5 + load + random.gauss(0.0, 0.5))


def _shares(random: Random, ability: float, shift: float, disagree: float) -> tuple[float, float]:
    """Share of words that the champion takes for well read, and the canary. Equal models err as often, elsewhere."""
    words = max(5, round(random.gauss(WORDS, 8)))
    champion = canary = 0
    for _ in range(words):
        taken = random.random() < ability
        champion += taken
        # Where they disagree the canary's is a draw of its own from the same odds: on average it changes nothing.
        own = random.random() < ability if random.random() < disagree else taken
        if shift < 0 and own and random.random() < -shift / ability:
            own = False
        elif shift > 0 and not own and random.random() < shift / (1 - ability):
            own = True
        canary += own
    return champion / words, canary / words
