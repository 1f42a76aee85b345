"""Settings: what contradicts the guarantee is refused with a reason."""

from __future__ import annotations

from typing import Any

import faust
import pytest
from pydantic import ValidationError
from support.holes import hole

from streamproc.transport import Transport, TransportError, TransportSettings


@pytest.mark.parametrize("name", ["isolation.level", "enable.auto.commit", "transactional.id", "partitioner"])
def test_settings_that_the_guarantee_rests_on_are_the_drivers(name: str) -> None:
    with pytest.raises(ValidationError, match="the guarantee rests on it"):
        TransportSettings(librdkafka={name: "x"})


def test_a_drain_longer_than_the_poll_interval_is_refused() -> None:
    with pytest.raises(ValidationError, match="drain_timeout must be shorter"):
        TransportSettings(drain_timeout=10, max_poll_interval=6)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="commit_intervall"):
        TransportSettings.model_validate({"commit_intervall": 1})


@hole("B5")
def test_brokers_have_the_last_word_on_a_records_size_which_they_measure_compressed() -> None:
    producer = TransportSettings(compression="zstd").producer("x:1", None)
    assert (producer["compression.type"], producer["message.max.bytes"]) == ("zstd", 100_000_000)
    own = TransportSettings(librdkafka={"message.max.bytes": 5000, "compression.type": "lz4"}).producer("x:1", None)
    assert (own["compression.type"], own["message.max.bytes"]) == ("lz4", 5000)
    assert TransportSettings(compression="none").producer("x:1", None)["message.max.bytes"] == 100_000_000
    # A consumer would hold as much in memory.
    assert "message.max.bytes" not in TransportSettings(compression="zstd").consumer("x:1", "group")


@pytest.mark.parametrize(("session", "heartbeat"), [(30.0, 500), (0.9, 300)])
def test_members_hear_of_a_rebalance_soon(session: float, heartbeat: int) -> None:
    settings = TransportSettings(session_timeout=session)
    assert settings.consumer("b:1", "g")["heartbeat.interval.ms"] == heartbeat
    own = TransportSettings(librdkafka={"heartbeat.interval.ms": 3000})
    assert own.consumer("b:1", "g")["heartbeat.interval.ms"] == 3000


def test_kip848_leaves_to_the_brokers_what_they_decide() -> None:
    config = TransportSettings(assignment="consumer").consumer("b:1", "g")
    assert config["group.protocol"] == "consumer"
    assert not {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"} & config.keys()


@pytest.mark.parametrize("assignment", ["cooperative-sticky", "range", "consumer"])
def test_consumers_read_committed_and_never_commit_by_themselves(assignment: Any) -> None:
    config = TransportSettings(assignment=assignment).consumer("b:1", "g")
    assert config["isolation.level"] == "read_committed"
    assert config["enable.auto.commit"] is False
    assert config["auto.offset.reset"] == "error"


def test_security_reaches_every_client_and_no_repr() -> None:
    settings = TransportSettings(
        security_protocol="sasl_ssl",
        ca_file="/ca.pem",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="u",
        sasl_password="secret",
        librdkafka={"ssl.key.password": "secret"},
    )
    for config in (settings.client("b:1"), settings.consumer("b:1", "g"), settings.producer("b:1", "t")):
        assert config["security.protocol"] == "sasl_ssl"
        assert config["ssl.ca.location"] == "/ca.pem"
        assert config["sasl.password"] == config["ssl.key.password"] == "secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("protocol", ["plaintext", "ssl"])
def test_a_login_that_would_not_be_used_is_refused(protocol: Any) -> None:
    with pytest.raises(ValidationError, match="sasl_mechanism has no effect with security_protocol"):
        TransportSettings(security_protocol=protocol, sasl_mechanism="PLAIN", sasl_username="u", sasl_password="p")


def app(broker: str) -> Any:
    return faust.App("settings", broker=broker).transport


def test_faust_finds_the_driver_by_its_scheme() -> None:
    transport = app("rdkafka://one:9092,two:9093;three")
    assert isinstance(transport, Transport)
    assert transport.servers == "one:9092,two:9093,three:9092"


@hole("D4")
def test_an_ipv6_broker_keeps_its_brackets() -> None:
    transport = app("rdkafka://[::1]:9092,[2001:db8::2];kafka:9094,[fe80::1%25eth0]")
    assert transport.servers == "[::1]:9092,[2001:db8::2]:9092,kafka:9094,[fe80::1%eth0]:9092"


@hole("D1")
@pytest.mark.parametrize("client", ["client", "consumer", "producer"])
def test_no_client_closes_a_connection_for_being_idle(client: str) -> None:
    """The next event would wait until it is back, with all its handshakes."""
    settings = TransportSettings(transaction_timeout=2)
    arguments = {"client": (), "consumer": ("g",), "producer": ("t",)}[client]
    config = getattr(settings, client)("b:1", *arguments)
    assert config["connections.max.idle.ms"] == 0
    assert config["reconnect.backoff.max.ms"] <= 1_000


def test_the_urls_query_holds_settings() -> None:
    settings = app("rdkafka://one?ordering=partition&commit_interval=0.05").settings
    assert (settings.ordering, settings.commit_interval) == ("partition", 0.05)


def test_a_wrong_query_names_the_setting() -> None:
    with pytest.raises(TransportError, match=r"ordering.*key.*partition.*unordered"):
        _ = app("rdkafka://one?ordering=random").settings


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "sasl_mechanism is empty"),
        ({"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "u"}, "sasl_password is empty"),
        ({"sasl_mechanism": "PLAIN", "sasl_password": "p"}, "sasl_username is empty"),
    ],
)
def test_a_login_that_is_not_whole_names_what_is_missing(given: dict[str, str], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        TransportSettings(security_protocol="sasl_ssl", **given)  # type: ignore[arg-type]


def test_a_login_may_be_librdkafka_s_own() -> None:
    own: dict[str, str | int | float | bool] = {"sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "p"}
    assert TransportSettings(security_protocol="sasl_ssl", librdkafka=own)
    assert TransportSettings(security_protocol="sasl_ssl", sasl_mechanism="PLAIN", librdkafka=own)
    assert TransportSettings(security_protocol="sasl_ssl", sasl_mechanism="OAUTHBEARER"), "its token comes by itself"


@pytest.mark.parametrize("url", ["rdkafka://ann:hunter2@one", "rdkafka://one?sasl_password=hunter2"])
def test_a_login_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(TransportError, match=r"app\.transport\.settings") as refused:
        app(url)
    assert "hunter2" not in str(refused.value)
