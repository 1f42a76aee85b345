"""Where Kafka and the schema registry are, and how to log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_TIMEOUT = 300
"""Seconds; a longer wait for a registry is a wait that nobody sees."""


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

    def __post_init__(self) -> None:
        """Refuse what could only fail later, and less clearly.

        Raises:
            TypeError: a field has the wrong type.
            ValueError: an address is none.
        """
        for name in ("bootstrap_servers", "registry_url"):
            text_argument(f"Connection.{name}", getattr(self, name))
        for name in ("registry_username", "registry_password", "registry_token"):
            text_argument(f"Connection.{name}", getattr(self, name), may_be_empty=True)
        if not self.registry_url.startswith(("http://", "https://")):
            raise ValueError("Connection.registry_url: does not begin with http:// or https://")
        if not isinstance(self.timeout, int | float) or not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"Connection.timeout: is not a number of seconds up to {LONGEST_TIMEOUT}")
        if not isinstance(self.kafka, Mapping):
            raise TypeError("Connection.kafka: is not a mapping of librdkafka's settings")


def text_argument(name: str, value: object, *, may_be_empty: bool = False) -> None:
    """Refuse an argument that is no text, or an empty one.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name}: is a {type(value).__name__}, not a text")
    if not value and not may_be_empty:
        raise ValueError(f"{name}: is empty")


def connection_argument(connection: object) -> None:
    """Refuse what is no connection, with TypeError."""
    if not isinstance(connection, Connection):
        raise TypeError(f"connection: is a {type(connection).__name__}, not a Connection")


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
