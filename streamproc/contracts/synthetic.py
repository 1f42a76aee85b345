"""Synthetic activities: made by us to see that readings are scored, by nobody's child.

They have a tenant of their own, which nobody else may use: whoever makes figures of readings leaves it out.
"""

from __future__ import annotations

TENANT = "streamproc-synthetic"


def is_synthetic(tenant: str | None) -> bool:
    """Whether an activity or a result of this tenant is one of ours."""
    return tenant == TENANT
