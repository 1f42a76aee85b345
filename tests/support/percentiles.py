"""How long things took, in a few figures."""

from __future__ import annotations

import statistics


def percentiles(found: list[float]) -> dict[str, float]:
    """The median, the 95th and the 99th percentile, in milliseconds."""
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return {f"p{which}_ms": round(cuts[which - 1], 1) for which in (50, 95, 99)}
