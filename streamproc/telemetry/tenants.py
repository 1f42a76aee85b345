"""Tenants as a label of metrics: so many by name, and all others together."""

from __future__ import annotations

from streamproc.contracts.synthetic import is_synthetic

OTHER = "other"
UNKNOWN = "unknown"
_LONGEST = 64


class Tenants:
    """Names the first ``limit`` tenants that come, and that of synthetic activities; another worker may name others.

    Who publishes chooses the names: without a limit they would make series without end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._named: set[str] = set()

    def label(self, tenant: str | None) -> str:
        """What stands for a tenant; None: the event was not read."""
        if tenant is None:
            return UNKNOWN
        if tenant in self._named or is_synthetic(tenant):
            return tenant
        if len(self._named) >= self._limit or not tenant.isprintable() or not 0 < len(tenant) <= _LONGEST:
            return OTHER
        self._named.add(tenant)
        return tenant
