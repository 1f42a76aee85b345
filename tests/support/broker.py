"""A Kafka for one module alone: it may be killed, and it listens behind a proxy too, which may be cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from streamproc.localstack.kafka import KafkaPart
from support.proxy import Proxy


@dataclass
class Broker:
    """A broker, and a way to it that can be cut."""

    part: KafkaPart
    proxy: Proxy

    @property
    def direct(self) -> str:
        """Bootstrap servers on the way that is never cut."""
        return self.part.address

    @property
    def proxied(self) -> str:
        """Bootstrap servers through the proxy; the broker tells such clients to come back through it."""
        return f"127.0.0.1:{self.proxy.port}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this module's own."""
    proxy = Proxy()
    part = KafkaPart(
        tmp_path_factory.mktemp("broker") / "kafka",
        advertised_port=proxy.port,
        settings={"log.cleaner.backoff.ms": "200", "log.initial.task.delay.ms": "200"},
    )
    part.start()
    proxy.target = part.behind_proxy
    try:
        yield Broker(part, proxy)
    finally:
        proxy.close()
        part.stop()
