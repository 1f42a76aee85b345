"""In which order events are sent that share what they send: pure logic, no input or output."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from graphlib import CycleError, TopologicalSorter


def in_order(places: Iterable[tuple[Hashable | None, int]]) -> list[int] | None:
    """Groups, in an order in which none overtakes another in any line.

    A batch takes events of many lines (keys, or partitions), and is sent as a whole: so it comes after whatever comes
    before any of its events.

    Args:
        places: a line and the group that has the next place in it; None: a group without a place.

    Returns:
        Each group once; None: there is no such order, because some overtake each other mutually.
    """
    before: dict[int, set[int]] = {}
    last: dict[Hashable, int] = {}
    for line, group in places:
        earlier = before.setdefault(group, set())
        if line is None:
            continue
        if (previous := last.get(line, group)) != group:
            earlier.add(previous)
        last[line] = group
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return None
