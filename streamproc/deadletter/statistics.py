"""Letters by code and fingerprint, over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from streamproc.deadletter.envelope import PREFIX
from streamproc.deadletter.letters import Letter

_MINUTE_MS = 60_000
_CODE, _FINGERPRINT = f"{PREFIX}code", f"{PREFIX}fingerprint"


@dataclass(slots=True)
class Group:
    """Letters with one code and fingerprint; times in ms since 1970."""

    code: str
    stage: str
    fingerprint: str
    message: str
    """The first letter's."""
    first_ms: int | None = None
    last_ms: int | None = None
    """None: no letter of the group has a timestamp."""
    count: int = 0
    minutes: Counter[int] = field(default_factory=Counter)
    """Minute since 1970 -> letters."""


def course(groups: Iterable[Group]) -> tuple[int, int]:
    """The first and the last time of all groups, in ms since 1970; both 0 where there is none."""
    times = [time for group in groups for time in (group.first_ms, group.last_ms) if time is not None]
    return min(times, default=0), max(times, default=0)


def group_letters(letters: Iterable[Letter]) -> list[Group]:
    """The groups, largest first."""
    groups: dict[tuple[bytes | None, bytes | None], Group] = {}
    for letter in letters:
        raw = letter.raw
        key = (raw.get(_CODE), raw.get(_FINGERPRINT))
        time_ms = letter.timestamp_ms
        group = groups.get(key)
        if group is None:
            error = letter.error
            group = groups[key] = Group(
                letter.code,
                error.get("stage", ""),
                error.get("fingerprint", ""),
                error.get("message", ""),
            )
        group.count += 1
        if time_ms is None:
            continue
        group.minutes[time_ms // _MINUTE_MS] += 1
        if group.first_ms is None or group.last_ms is None:
            group.first_ms = group.last_ms = time_ms
        elif time_ms < group.first_ms:
            group.first_ms = time_ms
        elif time_ms > group.last_ms:
            group.last_ms = time_ms
    return sorted(groups.values(), key=lambda group: -group.count)


def columns(group: Group, first_ms: int, last_ms: int, width: int) -> list[int]:
    """The group's letters in ``width`` equal parts of the time from ``first_ms`` to ``last_ms``."""
    counts = [0] * width
    first, last = first_ms // _MINUTE_MS, last_ms // _MINUTE_MS
    for minute, count in group.minutes.items():
        counts[min((minute - first) * width // (last - first + 1), width - 1)] += count
    return counts
