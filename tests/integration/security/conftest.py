"""A secured Kafka for this folder alone, with the topics of the documentation's table and its users."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.security import Security

from .acls import documented
from .secured import Secured


@pytest.fixture(scope="package")
def secured(tmp_path_factory: pytest.TempPathFactory, registry_url: str) -> Iterator[Secured]:
    """The broker, with all topics, every schema, and exactly the documented permissions."""
    users = {permission.user for permission in documented()} | {"nobody", "app"}
    passwords = {user: secrets.token_urlsafe(12) for user in users}
    part = KafkaPart(tmp_path_factory.mktemp("secured") / "kafka", security=Security(passwords, acls=True))
    part.start()
    try:
        there = Secured(part, passwords, registry_url)
        there.set_up()
        yield there
    finally:
        part.stop()
