"""Whether a canary leaves its bounds against the champion: errors, latency, and scores, each tested after each event.

Everything is compared in pairs, so that a day on which all readings are bad, or all servers slow, is no evidence:

* *errors*: the canary failed on an event that the champion then answered. What both fail on counts for neither.
* *latency*: a reading that the canary scored took more than `SLOWER` times as long as the champion's next one. Where
  both are alike that is so of less than half, whatever the load does: of two neighbours either may come first.
* *fall*, *rise*: the share of well-read words that the canary gave a reading, less what the champion gives it. That
  learners differ adds nothing to the difference; a canary's learners may be good or bad readers.

The tests are `sequential.MeanTest`, and share the false alarms equally: all together sound one with a probability of
at most `FALSE_ALARMS`, for as long as a canary runs, a day or a year, and however many workers test it. Each worker
tests its own share of the events, and has that share of the false alarms (the union bound). A worker that starts again
knows nothing of what it had seen: its tests begin anew, which is one more chance of a false alarm. So a beginning of
all workers has no more than the `BEGINNINGS`-th part of them, and nine deployments are paid for in advance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from streamproc.routing.sequential import MeanTest

FALSE_ALARMS = 0.01
"""Probability that a canary which keeps its bounds is ever rolled back, by all workers together."""

BEGINNINGS = 10
"""So often may the tests of all workers begin: what each further time adds is `FALSE_ALARMS` / BEGINNINGS."""

LEAST_SHARE = 0.001
"""Of the false alarms that a worker has: it may own no partition for a moment."""

ERRORS = 0.01
"""Share of its events that a canary may fail on and the champion not."""

SLOWER = 1.5
OFTEN_SLOWER = 0.5
"""A canary may be so many times slower than the champion for so large a share of readings."""

POINTS = 0.01
"""So far may the mean accuracy of a canary lie below or above the champion's on the same readings."""

MOST_POINTS = 0.20
"""A single reading counts for no larger difference: the narrower the range, the sooner a small shift is proved."""


BOUNDS = {
    "errors": f"fails on {100 * ERRORS:g} % of its readings, where the champion answers",
    "latency": f"over {SLOWER:g} times as slow on {100 * OFTEN_SLOWER:g} % of readings",
    "fall": f"{100 * POINTS:g} point less of the words well read",
    "rise": f"{100 * POINTS:g} point more of the words well read",
}
"""The tests by their names, each with how far a canary may go."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was proved of a canary."""

    what: str
    """errors, latency, fall or rise."""
    seen: int
    """Observations of this kind."""
    reason: str


class CanaryGuard:
    """One worker's tests of one canary.

    Args:
        canary_id: whose.
        share: of all events that this worker consumes, from 0 to 1. It is asked at the first observation, when the
            worker has its partitions, and then no more: a share that grew later would be spent twice.
    """

    def __init__(self, canary_id: str, share: Callable[[], float] = lambda: 1.0) -> None:
        self.canary_id = canary_id
        self._tests = {
            "errors": MeanTest(ERRORS),
            "latency": MeanTest(OFTEN_SLOWER),
            # Differences from -MOST_POINTS to MOST_POINTS as numbers from 0 to 1.
            "fall": MeanTest(0.5 + POINTS / (2 * MOST_POINTS)),
            "rise": MeanTest(0.5 + POINTS / (2 * MOST_POINTS)),
        }
        self._share = share
        self._alpha: float | None = None
        self._waiting: list[float] = []
        """Seconds of the canary's readings that no reading of the champion's has come after yet."""

    @property
    def share(self) -> float | None:
        """What of the false alarms is this worker's; None: it has observed nothing yet."""
        return None if self._alpha is None else self._alpha * len(self._tests) * BEGINNINGS / FALSE_ALARMS

    @property
    def evidence(self) -> dict[str, tuple[int, float]]:
        """Of each test: observations, and how far it is from 0 (nothing) to 1 (proved)."""
        needed = math.inf if self._alpha is None else -math.log(self._alpha)
        return {name: (test.count, min(1.0, test.highest / needed)) for name, test in self._tests.items()}

    def _see(self, name: str, value: float) -> None:
        if self._alpha is None:
            share = min(max(self._share(), LEAST_SHARE), 1.0)
            self._alpha = FALSE_ALARMS * share / (len(self._tests) * BEGINNINGS)
        self._tests[name].see(value)

    def answered(self, seconds: float) -> None:
        """The canary has scored a reading: its engine took so long."""
        self._see("errors", 0.0)
        # Where the champion has nothing to do, nothing is compared; and what is old is no neighbour.
        self._waiting = [*self._waiting[-9:], seconds]

    def failed(self, *, champion_answered: bool) -> None:
        """The canary has failed on an event, which the champion then answered or failed on too."""
        self._see("errors", float(champion_answered))

    def champion_answered(self, seconds: float) -> None:
        """The champion has scored a reading of its own: its engine took so long."""
        if self._waiting:
            # One of the champion's readings answers for one of the canary's: pairs share nobody.
            self._see("latency", float(self._waiting.pop() > SLOWER * seconds))
            self._waiting.clear()

    def compared(self, canary: float, champion: float) -> None:
        """Both have scored the same reading, with these accuracies from 0 to 1."""
        half = min(max(canary - champion, -MOST_POINTS), MOST_POINTS) / (2 * MOST_POINTS)
        self._see("fall", 0.5 - half)
        self._see("rise", 0.5 + half)

    @property
    def verdict(self) -> Verdict | None:
        """What was proved, the first of it; None: nothing yet."""
        if self._alpha is None:
            return None
        for name, test in self._tests.items():
            if test.proved(self._alpha):
                return Verdict(name, test.count, _REASONS[name].format(seen=test.count, **_told(test)))
        return None


def _told(test: MeanTest) -> dict[str, float]:
    return {"percent": 100 * test.observed, "points": 100 * MOST_POINTS * (2 * test.observed - 1)}


_REASONS = {
    "errors": "the canary fails on {percent:.1f} % of {seen} events which the champion answers; "
    f"{100 * ERRORS:g} % are allowed",
    "latency": f"the canary takes more than {SLOWER:g} times as long as the champion for {{percent:.0f}} % of {{seen}} "
    f"readings; {100 * OFTEN_SLOWER:g} % are allowed",
    "fall": "the canary's accuracy lies {points:.1f} points below the champion's on the same {seen} readings; "
    f"{100 * POINTS:g} is allowed",
    "rise": "the canary's accuracy lies {points:.1f} points above the champion's on the same {seen} readings; "
    f"{100 * POINTS:g} is allowed",
}
