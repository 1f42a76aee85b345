"""A day of a school's, simulated: whether the scaler's rule keeps the backlog young, and what it costs.

The rule is that of terraform/kubernetes/base/scaling.yaml: enough workers for so many records each, or more where the
oldest is too old; doubling every 30 s at the most, one fewer a minute after ten minutes of quiet. A worker that is
wanted works after ``start_s``. Time goes in steps of one second; there is no I/O.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Rule:
    """When workers are added and taken away."""

    least: int
    most: int
    backlog_per_worker: int = 200
    oldest_s: float = 30.0
    look_s: int = 15
    grow_s: int = 30
    quiet_s: int = 600
    shrink_s: int = 60
    start_s: int = 40


@dataclass(frozen=True, slots=True)
class Day:
    """What a day was like: the oldest activity, hours of workers, how many there were at the most."""

    oldest_s: float
    worker_hours: float
    most_workers: int
    activities: int


def school_day(peak_per_s: float) -> Callable[[int], float]:
    """Activities a second at each second of a day: quiet nights, lessons from 8 to 15 h, the first one the peak.

    A lesson begins for all at once: within two minutes its rate is there.
    """

    def per_s(second: int) -> float:
        hour = second / 3600
        if not 8 <= hour < 15:
            return 0.01 * peak_per_s
        lesson = int(hour - 8)
        height = (1.0, 0.9, 0.5, 0.8, 0.2, 0.4, 0.3)[lesson]
        minute = (second % 3600) / 60
        # A lesson lasts 45 minutes; its reading begins within two.
        shape = min(minute / 2, 1.0) if minute < 45 else max(0.0, 1 - (minute - 45) / 5)
        return peak_per_s * max(0.02, height * shape)

    return per_s


class Scaler:
    """A rule at work: what it sees each second, and how many workers run."""

    def __init__(self, rule: Rule) -> None:
        """Begin with as few as the rule allows."""
        self._rule = rule
        self._wanted = rule.least
        self._starting: list[tuple[int, int]] = []  # [second in which they work, how many there are then]
        self._grown = -rule.grow_s
        self._shrunk = 0
        self._highest: deque[tuple[int, int]] = deque()  # what was wanted in the last minutes of quiet
        self.running = rule.least

    def look(self, second: int, backlog: float, age: float) -> None:
        """See the backlog and the age of the oldest, and do what the rule says."""
        rule = self._rule
        while self._starting and self._starting[0][0] <= second:
            self.running = max(self.running, self._starting.pop(0)[1])
        if second % rule.look_s:
            return
        by_backlog = math.ceil(backlog / rule.backlog_per_worker)
        by_age = math.ceil(self.running * age / rule.oldest_s) if age > 1.1 * rule.oldest_s else 0
        wish = min(max(by_backlog, by_age, rule.least), rule.most)
        self._highest.append((second, wish))
        while self._highest[0][0] <= second - rule.quiet_s:
            self._highest.popleft()
        calm = max(one for _, one in self._highest)
        if wish > self._wanted and second - self._grown >= rule.grow_s:
            self._wanted, self._grown = min(wish, 2 * self._wanted), second
            self._starting.append((second + rule.start_s, self._wanted))
        elif calm < self._wanted and second - self._shrunk >= rule.shrink_s:
            self._wanted, self._shrunk = self._wanted - 1, second
            self.running = min(self.running, self._wanted)


def simulate(arrivals: Callable[[int], float], worker_per_s: float, rule: Rule) -> Day:
    """One day, with as many workers as the rule says."""
    scaler = Scaler(rule)
    waiting: deque[list[float]] = deque()  # [second of arrival, how many of it still wait]
    backlog = carried = oldest = hours = 0.0
    total = most = 0
    for second in range(DAY_S):
        carried += arrivals(second)
        new, carried = math.floor(carried), carried - math.floor(carried)
        if new:
            waiting.append([second, new])
            backlog, total = backlog + new, total + new
        backlog -= _taken(waiting, scaler.running * worker_per_s)
        age = second - waiting[0][0] if waiting else 0.0
        oldest, hours = max(oldest, age), hours + scaler.running / 3600
        most = max(most, scaler.running)
        scaler.look(second, backlog, age)
    return Day(oldest, hours, most, total)


def _taken(waiting: deque[list[float]], room: float) -> float:
    """Take the oldest first; how many were taken."""
    left = room
    while waiting and left > 0:
        step = min(left, waiting[0][1])
        waiting[0][1] -= step
        left -= step
        if waiting[0][1] <= 1e-9:
            waiting.popleft()
    return room - left
