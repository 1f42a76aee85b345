"""What the tests of operation and the drill look at: a worker's surroundings, with all that has a number in them.

The Kafka and the registry are the local stack's; Triton speaks TLS, so that there are certificates, and has a second
model, which is broken; what stands in for a collector takes what is sent by OTLP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.activities import value
from support.collector import collector
from support.models_rig import BROKEN, SHIPPED, repository
from support.set_up import prepare
from support.topics_of_test import Record, TestTopics

from streamproc.contracts.generated.events import Activity
from streamproc.localstack.security import make_authority, make_certified_key
from streamproc.localstack.triton import TritonPart


@dataclass
class Scene:
    """A worker's settings, its Triton with the SHA-256 of its models by their names, its topics."""

    settings: dict[str, str]
    topics: TestTopics
    triton: TritonPart
    folder: Path
    authority: Any
    models: dict[str, str]
    schema_id: int = 0
    _published: int = field(default=0)

    def publish(self, event: Activity) -> None:
        """Publish an activity, of another learner each time: none waits for another."""
        self.publish_bytes(value(event, self.schema_id))

    def publish_bytes(self, body: bytes) -> None:
        """Publish a record."""
        self._published += 1
        self.topics.publish([Record(b"learner %d" % self._published, body, [])])

    def certify_client(self, valid: timedelta) -> None:
        """Give the worker a certificate that is valid for so long."""
        make_certified_key(self.folder / "client.pem", "client", *self.authority, valid=valid)


@contextmanager
def a_scene(kafka: str, registry: str, folder: Path) -> Iterator[Scene]:
    """Topics, schemas and a Triton by TLS; no worker yet."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = make_authority(folder / "ca.pem")
    make_certified_key(folder / "server.pem", "server", *authority)
    models = repository(folder / "models", (SHIPPED, BROKEN))
    triton = TritonPart(
        folder / "triton",
        models=folder / "models",
        arguments=(
            *("--grpc-use-ssl=true", "--grpc-use-ssl-mutual=true"),
            *(f"--grpc-server-cert={folder / 'server.pem'}", f"--grpc-server-key={folder / 'server.pem'}"),
            f"--grpc-root-cert={folder / 'ca.pem'}",
        ),
        tie=True,
    )
    topics = TestTopics(kafka)
    with collector() as (address, _):
        triton.start()
        try:
            settings = {
                **topics.settings,
                "STREAMPROC_REGISTRY__URL": registry,
                "STREAMPROC_TRITON__URLS": triton.address,
                "STREAMPROC_TRITON__CA_FILE": str(folder / "ca.pem"),
                "STREAMPROC_TRITON__CERTIFICATE_FILE": str(folder / "client.pem"),
                "STREAMPROC_TRITON__KEY_FILE": str(folder / "client.pem"),
                "STREAMPROC_TELEMETRY__OTLP_ENDPOINT": address,
                "STREAMPROC_TELEMETRY__OTLP_INTERVAL": "1",
                "STREAMPROC_TRACING__ENDPOINT": address.replace("metrics", "traces"),
                "STREAMPROC_LOG__FORMAT": "json",
            }
            scene = Scene(settings, topics, triton, folder, authority, models)
            scene.certify_client(timedelta(days=60))
            scene.schema_id = prepare(settings, topics)
            yield scene
        finally:
            triton.stop()
