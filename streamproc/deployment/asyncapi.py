"""The AsyncAPI 3 document of the workers: topics, events and headers, made from the schemas and the code.

``python -m streamproc.deployment.asyncapi`` writes docs/reference/asyncapi.json. Source: AsyncAPI 3.0.0 and its Kafka
bindings 0.5.0. It is the workers' view: they receive activities, and send results and dead letters.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamproc import __version__
from streamproc.contracts import files
from streamproc.contracts.cloudevents import ACTIVITY_TYPE, CONTROL_TYPE, CORRECTION_TYPE, PROGRESS_TYPE, RESULT_TYPE
from streamproc.contracts.files import Contract
from streamproc.contracts.majors import MAJORS
from streamproc.contracts.upkeep.examples import as_json, example
from streamproc.deadletter.envelope import FIELDS, PREFIX, REPLAY_NAME
from streamproc.kafka import topics
from streamproc.kafka.features import FEATURES, released
from streamproc.settings import KafkaSettings

FILE = Path("docs/reference/asyncapi.json")
AVRO = "application/vnd.apache.avro+json;version=1.9.0"
_BINDING = "0.5.0"
_RECEIVED = {
    files.ACTIVITY: "Every activity is read once.",
    files.CORRECTION: "Each changes its learner's progress once, where STREAMPROC_PROGRESS__CORRECTIONS is set.",
    files.CONTROL: "Every worker reads all of it, and writes a rollback where a canary leaves its bounds.",
}
_SENT = {
    files.PROGRESS: "One for each result, and for each correction that changes something, where "
    "STREAMPROC_PROGRESS__ENABLED is set.",
}
_TYPES = {
    files.ACTIVITY: ACTIVITY_TYPE,
    files.CONTROL: CONTROL_TYPE,
    files.PROGRESS: PROGRESS_TYPE,
    files.CORRECTION: CORRECTION_TYPE,
}


def document() -> dict[str, Any]:
    """The document."""
    kafka = KafkaSettings(result_majors=tuple(MAJORS))
    limits = topics.configurations(kafka)
    for feature in FEATURES:
        limits |= {name: dict(topic.config) for name, topic in feature.topics(released(kafka)).items()}
    events = {_identifier(contract.topic): contract for contract in files.contracts()}
    letters = _identifier(kafka.dead_letter_topic)
    channels = {name: _channel(contract.topic, name, _about(contract), limits) for name, contract in events.items()}
    channels[letters] = _channel(
        kafka.dead_letter_topic, letters, "Activities that cannot be scored, with the reason.", limits
    )
    operations = {
        f"{'receive' if contract.name in _RECEIVED else 'send'}_{name}": _operation(contract, name)
        for name, contract in events.items()
    }
    operations[f"send_{letters}"] = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{letters}"},
        "summary": "A dead letter for each activity that is at fault.",
    }
    return {
        "asyncapi": "3.0.0",
        "id": "urn:streamproc",
        "info": {
            "title": "streamproc",
            "version": __version__,
            "description": "Children's reading, scored: activities in, exactly one result or dead letter out for each.",
            "tags": [{"name": "kafka"}, {"name": "avro"}],
        },
        "defaultContentType": "application/avro",
        "servers": {"kafka": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                **{name: _event(contract) for name, contract in events.items()},
                letters: _letter(),
            }
        },
    }


def text() -> str:
    """The file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _identifier(topic: str) -> str:
    return topic.replace(".", "_").replace("-", "_")


def _about(contract: Contract) -> str:
    return (
        f"{_newest(contract)['doc']} Decided by: {contract.owner}. Compatibility: {contract.compatibility}. "
        f"Kept for {contract.retention}. Order: {contract.ordering}."
    )


def _newest(contract: Contract) -> dict[str, Any]:
    return files.newest(contract.name).schema


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "Each environment has its own, and a schema registry with Confluent's API beside it.",
        "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "host:port of a broker"}},
    }


def _channel(topic: str, message: str, about: str, limits: dict[str, dict[str, str]]) -> dict[str, Any]:
    wanted = limits[topic]
    configuration = {
        name: int(value) for name, value in wanted.items() if name in ("retention.ms", "max.message.bytes")
    }
    return {
        "address": topic,
        "description": about,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic, "topicConfiguration": configuration, "bindingVersion": _BINDING}},
    }


def _operation(contract: Contract, channel: str) -> dict[str, Any]:
    return {
        "action": "receive" if contract.name in _RECEIVED else "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": (_RECEIVED | _SENT).get(contract.name, "Exactly one result for each activity that can be scored."),
    }


def _event(contract: Contract) -> dict[str, Any]:
    newest = files.newest(contract.name)
    control = contract.name == files.CONTROL
    return {
        "name": newest.schema["name"],
        "title": f"{contract.name}, version {newest.version}",
        "summary": newest.schema["doc"],
        "contentType": "application/avro",
        "headers": _headers(_cloudevents(_TYPES.get(contract.name, RESULT_TYPE))),
        "payload": {"schemaFormat": AVRO, "schema": newest.schema},
        "correlationId": {
            "description": "The change's id." if control else "The activity's id, the same in its result.",
            "location": "$message.header#/ce_subject",
        },
        "bindings": {"kafka": _key(f"{contract.key}, UTF-8.")},
        "examples": [{"name": contract.name, "payload": json.loads(as_json(example(contract.name)))}],
    }


def _letter() -> dict[str, Any]:
    block = {f"{PREFIX}{one.name}": one.meaning for one in FIELDS}
    return {
        "name": "DeadLetter",
        "title": "Dead letter",
        "summary": "The activity's record byte for byte, and behind its own headers a block that says what went wrong.",
        "contentType": "application/octet-stream",
        "headers": _headers(block, ("code", "stage", "source.topic", "source.partition", "source.offset")),
        "payload": {
            "type": "string",
            "format": "binary",
            "description": "The value of the original record, unchanged.",
        },
        "bindings": {"kafka": _key("The original record's, unchanged.")},
    }


def _cloudevents(kind: str) -> dict[str, str]:
    return {
        "ce_specversion": "CloudEvents' version: 1.0.",
        "ce_id": "Unique within ce_source.",
        "ce_source": "Who has published it, as a URI reference.",
        "ce_type": f"{kind}.",
        "ce_subject": "The activity's id, or the change's.",
        "ce_time": "When, RFC 3339.",
        "content-type": "application/avro.",
        "traceparent": "W3C's trace context; absent where nobody traces.",
        **(
            {REPLAY_NAME: "The run of `streamproc replay` that has made it; absent of all other results."}
            if kind == RESULT_TYPE
            else {}
        ),
    }


def _headers(meanings: dict[str, str], required: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": meaning} for name, meaning in meanings.items()},
        **({"required": [f"{PREFIX}{name}" for name in required]} if required else {}),
    }


def _key(meaning: str) -> dict[str, Any]:
    return {
        "key": {"type": "string", "description": meaning},
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "confluent",
        "schemaLookupStrategy": "TopicNameStrategy",
        "bindingVersion": _BINDING,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the AsyncAPI document.")
    parser.add_argument("file", nargs="?", type=Path, default=FILE, help="[default: %(default)s]")
    target: Path = parser.parse_args().file
    target.write_text(text(), "utf-8")
    print(target)
