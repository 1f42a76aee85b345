"""A Kafka that asks for a login, as its users are told of it: a worker, a client of ours, and librdkafka itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamproc.client import Connection
from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.security import ca_file


class Logins:
    """The broker and its users; ``passwords``: user -> password, ``mechanism``: SASL's, where none is asked for."""

    def __init__(self, part: KafkaPart, passwords: Mapping[str, str], registry_url: str, mechanism: str) -> None:
        self.part = part
        self.passwords = passwords
        self.ca_file = str(ca_file(part.folder))
        self.registry_url = registry_url
        self._mechanism = mechanism

    def environment(self, user: str, mechanism: str = "", **changed: str) -> dict[str, str]:
        """The settings of a worker or a command that runs as this user; ``changed`` by the names in ``transport``."""
        transport = {
            "SECURITY_PROTOCOL": "sasl_ssl",
            "CA_FILE": self.ca_file,
            "SASL_MECHANISM": mechanism or self._mechanism,
            "SASL_USERNAME": user,
            "SASL_PASSWORD": self.passwords[user],
            **changed,
        }
        return {
            "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": self.part.secured,
            "STREAMPROC_REGISTRY__URL": self.registry_url,
            "STREAMPROC_LOG__FORMAT": "json",
            **{f"STREAMPROC_TRANSPORT__{name}": value for name, value in transport.items() if value},
        }

    def client(self, user: str, mechanism: str = "") -> dict[str, Any]:
        """librdkafka's settings of a client that runs as this user."""
        return {
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": self.ca_file,
            "sasl.mechanism": mechanism or self._mechanism,
            "sasl.username": user,
            "sasl.password": self.passwords[user],
        }

    def connection(self, user: str, mechanism: str = "", **changed: str) -> Connection:
        """A publisher's or subscriber's connection."""
        return Connection(
            bootstrap_servers=self.part.secured,
            registry_url=self.registry_url,
            kafka={**self.client(user, mechanism), **changed},
        )
