"""Where Kafka and the schema registry are, and how to log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The addresses and credentials of one environment."""

    bootstrap_servers: str
    """Kafka's brokers, host:port, separated by commas."""
    registry_url: str
    """Base URL of the schema registry's Confluent API."""
    registry_username: str = ""
    """User for basic authentication at the registry; empty: none."""
    registry_password: str = field(default="", repr=False)
    """Password for basic authentication at the registry."""
    registry_token: str = field(default="", repr=False)
    """Bearer token for the registry; wins over user and password."""
    registry_ca_file: Path | None = None
    """Certificates to trust, in PEM, for a registry behind a private authority."""
    timeout: float = 5.0
    """Seconds to wait for the registry's answer."""
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    """librdkafka's security settings, for example security.protocol, sasl.username and sasl.password."""


@dataclass(frozen=True, slots=True)
class _Secret:
    value: str = field(repr=False)

    def get_secret_value(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class RegistryConnection:
    """The registry's part of a connection, as streamproc.contracts.registry takes it."""

    url: str
    username: str
    password: _Secret
    token: _Secret
    ca_file: Path | None
    timeout: float

    @classmethod
    def of(cls, connection: Connection) -> RegistryConnection:
        """Take what concerns the registry."""
        return cls(
            connection.registry_url,
            connection.registry_username,
            _Secret(connection.registry_password),
            _Secret(connection.registry_token),
            connection.registry_ca_file,
            connection.timeout,
        )
