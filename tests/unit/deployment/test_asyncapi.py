"""The committed AsyncAPI document is the code's, and has every topic and every field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamproc.contracts import files
from streamproc.contracts.cloudevents import RESULT_TYPE, event_headers
from streamproc.deadletter.envelope import FIELDS, PREFIX, REPLAY_NAME
from streamproc.deployment.asyncapi import FILE, document, text
from streamproc.settings import KafkaSettings

ROOT = Path(__file__).parents[3]


def test_the_committed_document_is_what_the_code_makes() -> None:
    assert (ROOT / FILE).read_text("utf-8") == text(), "run python -m streamproc.deployment.asyncapi"


def test_the_environment_of_whoever_writes_it_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_PROGRESS__TOPIC", "my.progress")
    assert (ROOT / FILE).read_text("utf-8") == text()


def test_it_has_every_contract_and_the_dead_letters() -> None:
    made = document()
    topics = {channel["address"] for channel in made["channels"].values()}
    assert topics == {contract.topic for contract in files.contracts()} | {KafkaSettings().dead_letter_topic}
    messages = made["components"]["messages"]
    for contract in files.contracts():
        (message,) = (one for one in messages.values() if one["title"].startswith(f"{contract.name}, "))
        assert message["payload"]["schema"] == files.newest(contract.name).schema
    assert {f"{PREFIX}{one.name}" for one in FIELDS} == set(
        messages["reading_activity_v1_dlq"]["headers"]["properties"]
    )


def test_an_event_has_the_headers_that_are_written_and_its_trace() -> None:
    written = {name for name, _ in event_headers(RESULT_TYPE, "1", "/tests", "2", datetime.now(UTC))}
    events = (one for one in document()["components"]["messages"].values() if one["name"] != "DeadLetter")
    for event in events:
        of_results = {REPLAY_NAME} if event["title"].startswith(files.RESULT) else set()
        assert set(event["headers"]["properties"]) == written | {"traceparent"} | of_results


def test_workers_receive_activities_control_events_and_corrections_and_send_all_else() -> None:
    actions = {one["channel"]["$ref"]: one["action"] for one in document()["operations"].values()}
    received = [
        "#/channels/reading_activity_v1",
        "#/channels/streamproc_control_v1",
        "#/channels/reading_correction_v1",
    ]
    assert [channel for channel, action in actions.items() if action == "receive"] == received
    assert len(actions) == len(document()["channels"])


def test_no_reference_leads_nowhere() -> None:
    made = document()
    references = set(_references(made))
    assert references
    for reference in references:
        found: object = made
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(found, dict)
            found = found[step]
    assert json.loads(text()) == made


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in _references(each)]
    return [found for each in value for found in _references(each)] if isinstance(value, list) else []
