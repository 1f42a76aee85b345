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
    first_ms: int
    last_ms: int
    count: int = 0
    minutes: Counter[int] = field(default_factory=Counter)
    """Minute since 1970 -> letters."""


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
                error.get("code", "(no dead letter)"),
                error.get("stage", ""),
                error.get("fingerprint", ""),
                error.get("message", ""),
                time_ms,
                time_ms,
            )
        group.count += 1
        group.minutes[time_ms // _MINUTE_MS] += 1
        if time_ms < group.first_ms:
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
