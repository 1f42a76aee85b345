"""Figures of readings of which the earlier ones count less and less."""

from __future__ import annotations


class DecayedLine:
    """Least squares with forgetting: y over x."""

    def __init__(self) -> None:
        self.weight = 0.0
        """Of all readings; the last one has 1."""
        self._x = self._y = self._xx = self._xy = 0.0

    def forget(self, kept: float) -> None:
        """Leave so much of the weight of what has been added."""
        self.weight *= kept
        self._x *= kept
        self._y *= kept
        self._xx *= kept
        self._xy *= kept

    def add(self, x: float, y: float) -> None:
        """One reading."""
        self.weight += 1.0
        self._x += x
        self._y += y
        self._xx += x * x
        self._xy += x * y

    @property
    def mean(self) -> tuple[float, float]:
        """Of x and of y; there must be a reading."""
        return self._x / self.weight, self._y / self.weight

    @property
    def variance(self) -> float:
        """Of x; there must be a reading."""
        return max(self._xx / self.weight - self.mean[0] ** 2, 0.0)

    @property
    def slope(self) -> float:
        """Of the line; only where x varies."""
        x, y = self.mean
        return (self._xy / self.weight - x * y) / self.variance


class Sizes:
    """How long requests are, and how much they differ: averages over the last hundred or so."""

    KEPT = 0.99

    def __init__(self) -> None:
        self._weight = self._first = self._second = self._third = 0.0

    def add(self, size: float) -> None:
        """One request."""
        self._weight = self._weight * self.KEPT + 1.0
        self._first = self._first * self.KEPT + size
        self._second = self._second * self.KEPT + size**2
        self._third = self._third * self.KEPT + size**3

    @property
    def mean(self) -> float:
        """0 as long as there is none."""
        return self._first / self._weight if self._weight else 0.0

    @property
    def spread(self) -> float:
        """How many times the mean a long request is: E[s³] / (E[s] E[s²]), 1 where all are alike.

        Who waits, waits for the long ones, so this is what queueing is measured by. A long request takes a server in
        proportion to its length (s), and whoever comes meanwhile waits in proportion to it (s²).
        """
        if not self._first:
            return 1.0
        return self._third * self._weight / (self._first * self._second)
