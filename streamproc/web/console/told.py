"""What workers tell each other on their pages, and how it is put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """What comes from another worker, perhaps of a newer release: what it says beyond these fields is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of each count, by its name."""
    found: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found
