"""The client as those who operate the workers use it: it logs in as a worker's settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamproc.client.connection import Connection

if TYPE_CHECKING:
    from streamproc.settings import Settings


def connection_of(settings: Settings) -> Connection:
    """Where the settings say that Kafka and the registry are."""
    return Connection(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        registry_url=settings.registry.url,
        registry_username=settings.registry.username,
        registry_password=settings.registry.password.get_secret_value(),
        registry_token=settings.registry.token.get_secret_value(),
        registry_ca_file=settings.registry.ca_file,
        timeout=settings.registry.timeout,
        kafka=login_of(settings),
    )


def login_of(settings: Settings) -> dict[str, Any]:
    """The transport's settings for a client of ours: how to log in, how to encrypt, and all that librdkafka is told."""
    return {
        name: value
        for name, value in settings.transport.client(settings.kafka.bootstrap_servers).items()
        if name not in ("bootstrap.servers", "logger")
    }
