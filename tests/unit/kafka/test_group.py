"""Workers find each other's pages by the names of their Kafka clients."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.kafka.group import client_name, named
from streamproc.settings import WebSettings

ID = "0123abcd"


@pytest.mark.parametrize(
    ("web", "pages"),
    [
        ({"host": "127.0.0.1", "port": 6066}, "127.0.0.1:6066"),
        ({"host": "::1", "port": 6066}, "[::1]:6066"),
        ({"host": "0.0.0.0", "port": 6066}, "10.1.2.3:6066"),
        ({"host": "::", "port": 6066}, "10.1.2.3:6066"),
        ({"host": "0.0.0.0", "port": 6066, "advertised": "worker-1.workers:80"}, "worker-1.workers:80"),
    ],
)
def test_a_worker_is_found_where_it_listens_or_says(web: dict[str, Any], pages: str) -> None:
    assert named(client_name(ID, WebSettings(**web)), "10.1.2.3") == (ID, pages)


def test_a_host_that_is_an_ipv6_address_gets_its_brackets() -> None:
    assert named(client_name(ID, WebSettings(host="::", port=6066)), "fd00::1") == (ID, "[fd00::1]:6066")


@pytest.mark.parametrize("name", ["rdkafka", "", "streamproc-@:6066", "streamproc-0123abcd"])
def test_other_clients_say_nothing(name: str) -> None:
    assert named(name, "10.1.2.3") == ("", "")


def test_an_address_that_is_none_is_passed_over() -> None:
    assert named(f"streamproc-{ID}@http://somewhere/", "10.1.2.3") == (ID, "")
