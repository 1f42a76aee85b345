"""Control records that no command of this release writes: by strangers, by a newer release, by one who saw old news."""

from __future__ import annotations

import copy
import io
import json
from typing import Any
from urllib.request import Request, urlopen

import fastavro
from confluent_kafka import Producer

from streamproc.contracts import files, wire
from streamproc.contracts.generated.conversions_control import control_event_to_avro
from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, LiveSettings
from streamproc.routing.log import PARTITION
from support.control_events import control_event, model

NEWER = "PAUSE"
"""A kind of change that this release does not know."""


class Stranger:
    """Writes to a control topic whose schema is registered, and asks nobody.

    Args:
        bootstrap: the Kafka.
        registry: the registry's URL.
        topic: the control topic.
    """

    def __init__(self, bootstrap: str, registry: str, topic: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        self._registry = registry
        self._topic = topic
        self._written: list[int] = []

    def rubbish(self) -> list[bytes | None]:
        """What is no event at all: whoever reads it passes it over."""
        foreign = wire.header(self._register("strangers", '"string"')) + b"\x0ahello"
        cut_off = self._encoded(control_event(ControlKind.SHADOW))[:-20]
        return [b"hello", b"", None, b"\x00\x7f\xff\xff\xff not Avro", foreign, cut_off]

    def late(self, revision: int) -> bytes:
        """An event by somebody who saw the revision before this one."""
        return self._encoded(control_event(ControlKind.CHAMPION, model=model(9), expected_revision=revision - 1))

    def too_large_a_canary(self, revision: int) -> bytes:
        """A canary of 101 %, and else in order."""
        return self._encoded(control_event(ControlKind.CANARY, share=1.01, expected_revision=revision))

    def out_of_range(self, revision: int) -> bytes:
        """Live settings that no worker can work with."""
        live = LiveSettings(max_in_flight=0, max_audio_seconds=-1.0, fallback="guess", decode="guess", debug_share=2.0)
        return self._encoded(control_event(ControlKind.SETTINGS, live=live, expected_revision=revision))

    def newer(self, revision: int) -> bytes:
        """A kind of change that only a newer release knows, by its schema."""
        schema = copy.deepcopy(files.newest(files.CONTROL).schema)
        kind = next(field for field in schema["fields"] if field["name"] == "kind")
        kind["type"]["symbols"].append(NEWER)
        schema_id = self._register(files.subject(self._topic), json.dumps(schema))
        datum = {
            **control_event_to_avro(control_event(ControlKind.CHAMPION, model=model(9), expected_revision=revision)),
            "kind": NEWER,
        }
        return _written(schema_id, schema, datum)

    def write(self, *values: bytes | None) -> int:
        """Write them to the partition that counts; the offset of the last."""
        for value in values:
            self._producer.produce(
                self._topic, value=value, key=b"stranger", partition=PARTITION, on_delivery=self._delivered
            )
        assert self._producer.flush(30) == 0
        return self._written[-1]

    def _delivered(self, error: Any, message: Any) -> None:
        assert error is None, error
        self._written.append(message.offset())

    def _encoded(self, event: ControlEvent) -> bytes:
        newest = files.newest(files.CONTROL)
        schema_id = self._register(files.subject(self._topic), newest.text)
        return _written(schema_id, newest.schema, control_event_to_avro(event))

    def _register(self, subject: str, schema: str) -> int:
        body = json.dumps({"schema": schema}).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = Request(f"{self._registry}/subjects/{subject}/versions", body, headers)
        with urlopen(request, timeout=10) as answer:
            return int(json.load(answer)["id"])


def _written(schema_id: int, schema: dict[str, Any], datum: dict[str, Any]) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, datum)
    return wire.header(schema_id) + body.getvalue()
