"""Which endpoint a batch goes to: the less loaded of two that are drawn at random.

After M. Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing* (2001). The least loaded of all would be
the same one for every worker that looks at the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar


class Choosable(Protocol):
    """What is chosen among."""

    @property
    def outstanding(self) -> float:
        """Seconds of audio that it works on."""

    @property
    def weight(self) -> float:
        """Its share of the load, above 0 and up to 1: less than 1 while it starts slowly."""

    def admits(self, seconds: float) -> bool:
        """Whether it takes so many seconds of audio now."""


E = TypeVar("E", bound=Choosable)


def choose(endpoints: Sequence[E], seconds: float, random: Random) -> E | None:
    """The endpoint for a batch of so many seconds of audio; None where none admits it now.

    Two are drawn of those that admit it, and the one that would have less outstanding for its weight is taken; where
    they are equal, either.
    """
    able = [endpoint for endpoint in endpoints if endpoint.admits(seconds)]
    pair = random.sample(able, min(len(able), 2))
    return min(pair, key=lambda endpoint: (endpoint.outstanding + seconds) / endpoint.weight, default=None)
