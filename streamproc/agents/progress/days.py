"""The days on which somebody has read, as one number; in whatever order they become known. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

KEPT = 366
"""Days that are known, up to the last one."""

_ALL = (1 << KEPT) - 1
_DAY = 86_400_000_000


@dataclass(slots=True)
class Days:
    """``last``: the last day, counted from 1970-01-01 in UTC; bit n of ``mask``: n days before it."""

    last: int = 0
    mask: int = 0

    def add(self, micros: int) -> None:
        """There was a reading at this time, in microseconds since 1970."""
        day = micros // _DAY
        if not self.mask:
            self.last, self.mask = day, 1
        elif day > self.last:
            # Shifted by years a number of a bit a day would be a large one.
            self.mask = ((self.mask << min(day - self.last, KEPT)) | 1) & _ALL
            self.last = day
        else:
            self.mask |= (1 << min(self.last - day, KEPT)) & _ALL

    @property
    def streak(self) -> int:
        """How many days in a row end with the last one."""
        gaps = ~self.mask
        return (gaps & -gaps).bit_length() - 1

    @property
    def last_day(self) -> str:
        """The last one, ISO 8601; empty: there is none."""
        return datetime.fromtimestamp(self.last * _DAY / 1e6, UTC).date().isoformat() if self.mask else ""
