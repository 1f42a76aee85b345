"""librdkafka's lines go through Python's logging, whichever client of the driver's they are of, at a fitting level."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from support.holes import hole

from streamproc.transport.logs import LOGGER, librdkafka_logger
from streamproc.transport.settings import TransportSettings

pytestmark = hole("F6")

STALE = "Current transaction failed in state InTransaction: Failed to commit offsets: Broker: Specified group generation id is not valid (ILLEGAL_GENERATION)"  # noqa: E501
REAL = (
    "Current transaction failed in state InTransaction: Broker: Topic authorization failed (TOPIC_AUTHORIZATION_FAILED)"
)


def test_every_clients_settings_have_the_logger() -> None:
    settings = TransportSettings()
    for config in (
        settings.client("a:1"),
        settings.consumer("a:1", "group"),
        settings.producer("a:1", None),
        settings.producer("a:1", "id"),
    ):
        assert config["logger"].name == LOGGER


def test_a_routine_abort_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    logger = librdkafka_logger()
    with caplog.at_level(logging.INFO):
        logger.error("%s [%s] %s", "TXNERR", "rdkafka#producer-1", STALE)
        logger.error("%s [%s] %s", "TXNERR", "rdkafka#producer-1", REAL)
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        logger.error("%s [%s] %s", "TXNERR", "rdkafka#producer-1", STALE)
    assert caplog.records == []


CLIENTS = """
import logging, sys
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from streamproc.transport.settings import TransportSettings

logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
settings = TransportSettings()
nobody = "127.0.0.1:1"
clients = [
    AdminClient(settings.client(nobody)),
    Consumer(settings.consumer(nobody, "group")),
    Producer(settings.producer(nobody, "id")),
]
for client in clients:
    for _ in range(10):
        client.poll(0.1)
"""


def test_nothing_is_written_past_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", CLIENTS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    said = [line for line in done.stdout.splitlines() if line.startswith("librdkafka ERROR FAIL ")]
    assert {kind for kind in ("consumer", "producer") if any(f"rdkafka#{kind}-" in line for line in said)} == {
        "consumer",
        "producer",
    }
