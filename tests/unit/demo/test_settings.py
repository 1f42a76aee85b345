"""The demonstration honours what is set, or refuses it: nothing is passed over in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.holes import hole

from streamproc import settings
from streamproc.demo import exchange
from streamproc.demo import worker as demo_worker
from streamproc.demo.run import refuse_what_is_not_shown
from streamproc.errors import StreamprocError
from streamproc.inference.configured import catalogue_of
from streamproc.kafka import group
from streamproc.localstack.stack import KINDS, given_address
from streamproc.settings import Settings

pytestmark = hole("D7")

SECURED = {
    "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": "kafka.example:9093",
    "STREAMPROC_TRANSPORT__SECURITY_PROTOCOL": "sasl_ssl",
    "STREAMPROC_TRANSPORT__SASL_MECHANISM": "PLAIN",
    "STREAMPROC_TRANSPORT__SASL_USERNAME": "demo",
    "STREAMPROC_TRANSPORT__SASL_PASSWORD": "secret",
    "STREAMPROC_TRANSPORT__LIBRDKAFKA": '{"client.id": "mine"}',
}
WANTED = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "demo",
    "sasl.password": "secret",
    "client.id": "mine",
}


class Made(Exception):  # noqa: N818
    """A client was made, with these settings."""

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        super().__init__()
        self.config = config


def made(config: dict[str, Any], **_: Any) -> None:
    raise Made(config)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return settings.load()


def test_every_client_of_the_demonstration_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = loaded(monkeypatch, **SECURED)
    refuse_what_is_not_shown(tree)
    monkeypatch.setattr(exchange, "Consumer", made)
    with pytest.raises(Made) as reader:
        exchange.OutcomeReader(tree)
    assert reader.value.config.items() >= WANTED.items()
    monkeypatch.setattr(group, "AdminClient", made)
    with pytest.raises(Made) as admin:
        demo_worker.consuming(tree)
    assert admin.value.config.items() >= WANTED.items()

    def publisher(connection: Any, **_: Any) -> None:
        raise Made({**connection.kafka, "bootstrap.servers": connection.bootstrap_servers})

    monkeypatch.setattr(exchange, "ActivityPublisher", publisher)
    with pytest.raises(Made) as published:
        exchange.publish(tree, [])
    assert published.value.config.items() >= WANTED.items()
    assert published.value.config["bootstrap.servers"] == "kafka.example:9093"


@pytest.mark.parametrize(
    ("name", "value"),
    [("STREAMPROC_TRANSPORT__SECURITY_PROTOCOL", "ssl"), ("STREAMPROC_KAFKA__RESULT_MAJORS", "[2]")],
)
def test_what_it_cannot_show_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    tree = loaded(monkeypatch, **{name: value})
    with pytest.raises(StreamprocError, match=name):
        refuse_what_is_not_shown(tree)


def test_addresses_in_the_settings_file_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "streamproc.toml"
    file.write_text('[kafka]\nbootstrap_servers = "file:1"\n[web]\nport = 7000\n')
    tree = loaded(monkeypatch, STREAMPROC_CONFIG=str(file), STREAMPROC_TRITON__URLS="environment:2")
    assert tree.kafka.bootstrap_servers == "file:1"
    assert {name: given_address(kind) for name, kind in KINDS.items()} == {
        "kafka": "file:1",
        "registry": "",
        "triton": "environment:2",
    }
    assert settings.given("web", "port") == "7000"


def test_the_stack_s_own_tritons_are_compared_with_what_the_tree_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = demo_worker.pinned_models()
    tree = loaded(monkeypatch, **pinned)
    assert catalogue_of(tree).pick(tree.triton.model, tree.triton.model_version, "").declared is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("STREAMPROC_TRITON__URLS", "mine:8001"), ("STREAMPROC_INFERENCE__MODELS_FILE", "mine.toml")],
)
def test_what_others_serve_is_not(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert demo_worker.pinned_models() == {}
