"""A Kafka that knows its clients by their certificates alone (mutual TLS): an app with one, and an app without."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fleet import Fleet
from support.plan import new_plan
from support.waiting import wait_for
from support.worker_process import run

from streamproc.errors import ErrorCode
from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.security import Security, ca_file, make_authority, make_certified_key

from .attempts import failure
from .killed import each_event_once
from .secured import Secured


@dataclass(frozen=True)
class Certified:
    """A broker, and the key and certificate, in one file, of a client that it knows."""

    part: KafkaPart
    client: Path

    def settings(self, **librdkafka: str) -> dict[str, Any]:
        """The transport's, as docs/how-to/secure-kafka.md has them."""
        return {"security_protocol": "ssl", "ca_file": str(ca_file(self.part.folder)), "librdkafka": librdkafka}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    folder = tmp_path_factory.mktemp("certified")
    clients = folder / "clients.pem"
    client = folder / "app.pem"
    make_certified_key(client, "app", *make_authority(clients, "the clients' authority"))
    listener = "listener.name.secured"
    part = KafkaPart(
        folder / "kafka",
        security=Security({}),
        settings={
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURED:SSL,CONTROLLER:PLAINTEXT",
            f"{listener}.ssl.client.auth": "required",
            f"{listener}.ssl.truststore.type": "PEM",
            f"{listener}.ssl.truststore.location": str(clients),
        },
    )
    part.start()
    try:
        yield Certified(part, client)
    finally:
        part.stop()


def test_a_worker_with_a_certificate_does_each_event_once(certified: Certified, tmp_path: Path) -> None:
    direct, client = certified.part.address, str(certified.client)
    login = certified.settings(**{"ssl.certificate.location": client, "ssl.key.location": client})
    plan = new_plan(direct, "certified", {"session_timeout": 3.0, **login})
    plan = dataclasses.replace(plan, bootstrap=certified.part.secured)
    each_event_once(plan, direct, tmp_path)


@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_a_worker_without_one_stops_and_says_why(certified: Certified, tmp_path: Path, guarantee: str) -> None:
    plan = new_plan(certified.part.address, "uncertified", certified.settings(), guarantee=guarantee)
    plan = dataclasses.replace(plan, bootstrap=certified.part.secured)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        wait_for(lambda: not member.process.alive(), "the end of the worker", 30)
        log = member.log_text()
    assert "Kafka does not let this worker in" in log
    assert "certificate" in log


@pytest.mark.parametrize("user", ["publisher", "subscriber"])
def test_a_client_without_one_is_told(certified: Certified, secured: Secured, user: str) -> None:
    tls = {"security.protocol": "ssl", "ssl.ca.location": str(ca_file(certified.part.folder))}
    connection = dataclasses.replace(secured.connection(user), bootstrap_servers=certified.part.secured, kafka=tls)
    error = failure(user, connection)
    assert error.code is ErrorCode.KAFKA_REFUSED
    assert "certificate" in error.message
    assert "ssl.certificate.location in Connection.kafka" in error.message


def test_a_command_without_one_says_which_setting(certified: Certified, registry_url: str) -> None:
    environment = {
        "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": certified.part.secured,
        "STREAMPROC_TRANSPORT__SECURITY_PROTOCOL": "ssl",
        "STREAMPROC_TRANSPORT__CA_FILE": str(ca_file(certified.part.folder)),
        "STREAMPROC_REGISTRY__URL": registry_url,
    }
    done = run(environment, "topics", "create")
    assert done.returncode == 2
    assert done.stderr.startswith("streamproc: KAFKA_REFUSED")
    assert "ssl.certificate.location in __LIBRDKAFKA" in done.stderr
