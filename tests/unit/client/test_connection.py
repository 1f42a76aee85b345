"""A connection keeps its secrets."""

from __future__ import annotations

from streamproc.client import Connection
from streamproc.client.connection import RegistryConnection


def test_printing_a_connection_shows_no_secret() -> None:
    connection = Connection(
        bootstrap_servers="kafka:9092",
        registry_url="http://registry:8081",
        registry_password="hidden",
        registry_token="hidden",
        kafka={"sasl.password": "hidden"},
    )
    assert "hidden" not in f"{connection} {RegistryConnection.of(connection)}"
    assert RegistryConnection.of(connection).password.get_secret_value() == "hidden"
