"""A test that may be looked at after every observation: whether a mean lies above a bound. No I/O.

Testing by betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal of the
Royal Statistical Society B, 2024): somebody who does not believe that the mean is at most ``bound`` bets on each
observation before it is seen. Where the mean is at most ``bound`` his wealth is a non-negative supermartingale that
begins at 1, so that it ever reaches 1/α with a probability of at most α, however long and how often one looks (Ville's
inequality). Nothing is assumed of the distribution but that it lies in [0, 1].
"""

from __future__ import annotations

import math

_MOST = 0.5
"""Of the largest bet that cannot lose everything at once: larger ones gain little and make wealth jump."""


class MeanTest:
    """Whether observations in [0, 1] have a mean above ``bound``.

    The bets are the paper's predictable plug-in: the mean so far over the bound, divided by the variance so far.

    Args:
        bound: in (0, 1).
        prior: what the mean is taken for before anything is seen, with the weight of one observation.
    """

    def __init__(self, bound: float, prior: float | None = None) -> None:
        if not 0 < bound < 1:
            raise ValueError(f"a bound is between 0 and 1, not {bound:g}")
        self.bound = bound
        self.count = 0
        self.log_wealth = 0.0
        """Natural logarithm of the wealth as of now; it may fall."""
        self.highest = 0.0
        """Of the wealth's logarithm ever: what has been proved stays proved."""
        self._prior = self._sum = bound if prior is None else prior
        self._squares = 0.25 * bound * (1 - bound)

    @property
    def observed(self) -> float:
        """Mean of all that was seen; the prior where nothing was."""
        return (self._sum - self._prior) / self.count if self.count else self._prior

    @property
    def _mean(self) -> float:
        return self._sum / (self.count + 1)

    def see(self, value: float) -> None:
        """One observation more.

        Raises:
            ValueError: it is outside of [0, 1].
        """
        if not 0 <= value <= 1:
            raise ValueError(f"an observation is from 0 to 1, not {value:g}")
        mean = self._mean
        variance = self._squares / (self.count + 1)
        # Wealth is multiplied by 1 + bet × (value - bound), which stays above 0 while the bet is below 1 / bound.
        bet = min(max((mean - self.bound) / (variance + (mean - self.bound) ** 2), 0.0), _MOST / self.bound)
        self.log_wealth += math.log1p(bet * (value - self.bound))
        self.highest = max(self.highest, self.log_wealth)
        self.count += 1
        self._sum += value
        self._squares += (value - self._mean) ** 2

    def proved(self, alpha: float) -> bool:
        """Whether the mean lies above the bound, which is said wrongly with a probability of at most ``alpha``."""
        return self.highest >= -math.log(alpha)
