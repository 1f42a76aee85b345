"""The permissions that the documentation names, granted and taken away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from streamproc.kafka.features import spelled

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "secure-kafka.md"

_KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}


@dataclass(frozen=True, slots=True)
class Permission:
    """One operation of one user on one resource."""

    user: str
    kind: str
    name: str
    prefixed: bool
    operation: str

    def binding(self) -> AclBinding:
        """As the broker takes it."""
        return AclBinding(
            _KINDS[self.kind],
            self.name,
            ResourcePatternType.PREFIXED if self.prefixed else ResourcePatternType.LITERAL,
            f"User:{self.user}",
            "*",
            next(one for one in AclOperation if spelled(one) == self.operation),
            AclPermissionType.ALLOW,
        )

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.user}-{self.operation}-{self.kind}-{self.name}".lower().replace(" ", "-")


def documented() -> list[Permission]:
    """Every permission of the page's table, in its order."""
    permissions = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        kind, _, prefixed = (cells[1] if len(cells) == 4 else "").partition(", ")
        if kind in _KINDS:
            permissions += [
                Permission(cells[0], kind, cells[2], bool(prefixed), operation) for operation in cells[3].split(", ")
            ]
    return permissions


class Acls:
    """The ACLs of one broker; what it is told has come into effect when a method returns."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def grant(self, permissions: Iterable[Permission]) -> None:
        """Allow these."""
        bindings = [permission.binding() for permission in permissions]
        for future in self._admin.create_acls(bindings).values():
            future.result(10)
        self._wait(lambda: set(bindings) <= self._there())

    def revoke(self, permission: Permission) -> None:
        """Take one back."""
        one = permission.binding()
        wanted = AclBindingFilter(
            one.restype,
            one.name,
            one.resource_pattern_type,
            one.principal,
            one.host,
            one.operation,
            one.permission_type,
        )
        for future in self._admin.delete_acls([wanted]).values():
            assert len(future.result(10)) == 1, permission
        self._wait(lambda: one not in self._there())

    def _there(self) -> set[AclBinding]:
        anything: Any = None
        everything = AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            anything,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        return set(self._admin.describe_acls(everything).result(10))

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "the ACLs do not come into effect"
            time.sleep(0.02)
