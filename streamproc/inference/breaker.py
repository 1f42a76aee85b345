"""A circuit breaker: calls to what fails all the time are not made, but for one probe now and then.

After M. Nygard, *Release It!*: closed while calls succeed, open after failures in a row, half-open when it has been
open for a while; then one probe decides. What is busy does not fail: a call that is told so is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Circuit(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Told of each call when it begins and how it ends; pure, by the clock alone.

    A call that began before the breaker opened says nothing about what came after: its end is passed over. So each call
    has a ticket.

    Args:
        clock: seconds that only grow.
        failures: so many in a row open it.
        open_for: seconds for which it stays open before a probe is let through.
        longest: it opens for twice as long each time, up to this, where a probe fails or it has not stayed closed for
            that long.
    """

    def __init__(self, clock: Callable[[], float], failures: int, open_for: float, longest: float) -> None:
        if failures < 1 or not 0 < open_for <= longest:
            raise ValueError("a breaker opens after one failure or more, and for some time")
        self._clock = clock
        self._limit = failures
        self._open_for = open_for
        self._longest = longest
        self._failures = 0
        self._openings = 0
        """How often it has opened without staying closed for ``longest`` in between."""
        self._changed = clock()
        self._open = False
        self._ticket = 0
        """Tickets below this are of calls whose end says nothing any more."""
        self._probe: int | None = None

    @property
    def state(self) -> Circuit:
        """As of now."""
        if not self._open:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._clock() - self._changed >= self.wait else Circuit.OPEN

    @property
    def wait(self) -> float:
        """Seconds for which it stays open, counted from the last time that it opened."""
        # The exponent is bounded: 2.0 ** 1024 is no float.
        return min(self._open_for * 2.0 ** min(max(self._openings - 1, 0), 60), self._longest)

    def allows(self) -> bool:
        """Whether a call may begin now: any while it is closed, one at a time while it is half open."""
        state = self.state
        return state is Circuit.CLOSED or (state is Circuit.HALF_OPEN and self._probe is None)

    def began(self) -> int:
        """A call begins, which is allowed: its ticket, for one of the three below."""
        if self._open:
            self._probe = self._ticket
        return self._ticket

    def succeeded(self, ticket: int) -> None:
        """The call was answered."""
        if ticket != self._ticket:
            return
        self._failures = 0
        if self._probe == ticket:
            self._probe = None
            self._ticket += 1
            self._open = False
            self._changed = self._clock()

    def failed(self, ticket: int) -> None:
        """The call was not answered, or with an error that is the server's."""
        if ticket != self._ticket:
            return
        self._failures += 1
        if self._probe == ticket or self._failures >= self._limit:
            self.trip()

    def given_up(self, ticket: int) -> None:
        """The call has ended in a way that says nothing of the server: it was cancelled, or the server is busy."""
        if self._probe == ticket:
            self._probe = None

    def trip(self) -> None:
        """Open it, whatever it was: something else than its calls says that they would fail."""
        now = self._clock()
        if not self._open and now - self._changed >= self._longest:
            self._openings = 0
        self._openings += 1
        self._failures = 0
        self._probe = None
        self._ticket += 1
        self._open = True
        self._changed = now
