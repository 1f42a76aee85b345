"""`streamproc dlq list`, `show`, `stats` and `export` on a real Kafka."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from support.letter_topics import LetterTopics, Record, letter

from streamproc.contracts import files, wire
from streamproc.errors import ErrorCode

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def six(kafka_bootstrap: str) -> LetterTopics:
    """Six letters, at 0:0 1:0 0:1 1:1 0:2 1:2, one a minute from 9:00 on; nobody may change anything."""
    there = LetterTopics(kafka_bootstrap)
    topic = there.activities
    there.write(
        [
            letter(0, topic=topic, headers=[("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]),
            letter(1, topic=topic, tenant="school-2"),
            letter(2, ErrorCode.SCHEMA_UNKNOWN, topic=topic),
            letter(3, ErrorCode.SCHEMA_UNKNOWN, topic=topic, tenant="school-2"),
            letter(4, ErrorCode.VALUE_MISSING, topic=topic, value=None, key=None),
            letter(5, ErrorCode.REFERENCE_EMPTY, topic=topic),
        ]
    )
    return there


def positions(page: Any) -> list[str]:
    return [row["position"] for row in page["letters"]]


def test_letters_are_listed_in_the_order_of_their_positions(six: LetterTopics) -> None:
    page = six.run_json("dlq", "list")
    assert positions(page) == ["0:0", "0:1", "0:2", "1:0", "1:1", "1:2"]
    assert page["next"] is None
    first = page["letters"][0]
    assert first["error"]["code"] == "AUDIO_EMPTY"
    assert first["error"]["trace.id"] == TRACE
    assert first["state"] == "open"
    assert first["time"] == "2026-03-01T09:00:00.000Z"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--code", "SCHEMA_UNKNOWN"], ["0:1", "1:1"]),
        (["--code", "schema_unknown", "--code", "VALUE_MISSING"], ["0:1", "0:2", "1:1"]),
        (["--stage", "decode"], ["0:1", "0:2", "1:1"]),
        (["--tenant", "school-2"], ["1:0", "1:1"]),
        (["--tenant", "school-2", "--code", "SCHEMA_UNKNOWN"], ["1:1"]),
        (["--trace", TRACE], ["0:0"]),
        (["--fingerprint", "schema_unkno"], ["0:1", "1:1"]),
        (["--offset", "0:1"], ["0:1"]),
        (["--offset", "0:1-7", "--offset", "1:0"], ["0:1", "0:2", "1:0"]),
        (["--offset", "9:1"], []),
        (["--since", "2026-03-01T09:03"], ["0:2", "1:1", "1:2"]),
        (["--until", "2026-03-01T10:03+01:00"], ["0:0", "0:1", "1:0"]),
        (["--since", "2026-03-01T09:01", "--until", "2026-03-01T09:02"], ["1:0"]),
        (["--since", "1d"], []),
        (["--since", "2026-03-02"], []),
        (["--state", "replayed"], []),
        (["--state", "any"], ["0:0", "0:1", "0:2", "1:0", "1:1", "1:2"]),
    ],
)
def test_filters_select(six: LetterTopics, options: list[str], expected: list[str]) -> None:
    assert positions(six.run_json("dlq", "list", *options)) == expected


def test_pages_follow_each_other(six: LetterTopics) -> None:
    seen = []
    following: list[str] = []
    for _ in range(3):
        page = six.run_json("dlq", "list", "--limit", "2", *following)
        seen.append(positions(page))
        following = ["--after", str(page["next"])]
    assert seen == [["0:0", "0:1"], ["0:2", "1:0"], ["1:1", "1:2"]]
    assert page["next"] is None


def test_the_table_holds_every_letter_and_the_next_page(six: LetterTopics) -> None:
    result = six.run("dlq", "list", "--limit", "4")
    assert result.exit_code == 0
    assert "SCHEMA_UNKNOWN" in result.stdout
    assert "next page: --after 1:0" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--code", "NO_SUCH_CODE"],
        ["list", "--since", "yesterday"],
        ["list", "--offset", "12"],
        ["list", "--after", "x"],
        ["list", "--limit", "0"],
        ["show", "x"],
        ["replay", "--rate", "0"],
        ["discard", "--reason", "all of them"],
        ["discard", "--since", "1h"],
    ],
)
def test_wrong_usage_is_exit_code_2(there: LetterTopics, arguments: list[str]) -> None:
    result = there.run("dlq", *arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_a_topic_that_is_missing_is_named(there: LetterTopics) -> None:
    result = there.run("dlq", "list", more={"STREAMPROC_KAFKA__DEAD_LETTER_TOPIC": "no-such-topic"})
    assert result.exit_code != 0
    assert "no-such-topic" in str(result.exception)


def test_statistics_group_by_cause(six: LetterTopics) -> None:
    found = six.run_json("dlq", "stats")
    assert found["letters"] == 6
    groups = {row["code"]: row for row in found["groups"]}
    assert {code: row["letters"] for code, row in groups.items()} == {
        "AUDIO_EMPTY": 2,
        "SCHEMA_UNKNOWN": 2,
        "VALUE_MISSING": 1,
        "REFERENCE_EMPTY": 1,
    }
    course = groups["SCHEMA_UNKNOWN"]["over_time"]
    assert sum(course) == 2
    assert groups["AUDIO_EMPTY"]["over_time"][0] == 1
    assert groups["REFERENCE_EMPTY"]["over_time"].index(1) > course.index(1)
    assert "█" in six.run("dlq", "stats").stdout


def test_an_empty_topic_has_no_letters(there: LetterTopics) -> None:
    assert there.run_json("dlq", "list") == {"letters": [], "next": None}
    assert there.run_json("dlq", "stats")["letters"] == 0
    assert "no such letter" in there.run("dlq", "stats").stdout


def test_show_reads_the_event_with_the_schema_it_was_written_with(there: LetterTopics, registry_url: str) -> None:
    registry = {"STREAMPROC_REGISTRY__URL": registry_url}
    registered = there.run("schemas", "register", "--json", more=registry)
    rows = json.loads(registered.stdout.splitlines()[-1])["schemas"]
    subject = files.subject(there.activities)
    schema_id = next(row["id"] for row in rows if row["subject"] == subject and row["version"] == 1)
    body = io.BytesIO()
    body.write(wire.header(schema_id))
    schema: Any = next(file for file in files.versions(files.ACTIVITY) if file.version == 1).schema
    audio = {"data": b"not audio", "uri": None, "codec": "UNKNOWN", "sample_rate": 16000}
    event = {
        "activity_id": "reading-1",
        "learner_id": "learner-1",
        "tenant": "school-1",
        "started_at": 0,
        "submitted_at": 0,
        "locale": "en-US",
        "story_id": "story",
        "passage_id": None,
        "phrases": [{"index": 0, "expected_text": "The fox.", "reference": None, "audio": audio}],
    }
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), event)
    there.write([letter(0, topic=there.activities, value=body.getvalue(), headers=[("x", b"\xff"), ("y", None)])])

    shown = there.run("dlq", "show", "0:0", "--json", more=registry)
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["event"]["tenant"] == "school-1", "version 1 calls it tenant"
    assert found["event"]["phrases"][0]["expected_text"] == "The fox."
    assert found["event"]["phrases"][0]["audio"]["data"]["bytes"] == 9
    assert found["headers"] == [{"name": "x", "value": "\\xff"}, {"name": "y", "value": None}]
    assert found["error"]["code"] == "AUDIO_EMPTY"
    text = there.run("dlq", "show", "0:0", more=registry).stdout
    assert "The fox." in text
    assert "source.offset" in text


@pytest.mark.parametrize("value", [None, b"", b"junk that is no event", b"\x00\x00\x00\x00\x01\xff\xff"])
def test_show_says_why_an_event_cannot_be_read(there: LetterTopics, registry_url: str, value: bytes | None) -> None:
    there.write([letter(0, topic=there.activities, value=value)])
    shown = there.run("dlq", "show", "0:0", "--json", more={"STREAMPROC_REGISTRY__URL": registry_url})
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["event"] is None
    assert found["unreadable"]["reason"]
    assert found["unreadable"]["bytes"] == len(value or b"")


def test_show_of_no_letter_is_an_error(six: LetterTopics) -> None:
    result = six.run("dlq", "show", "0:99")
    assert result.exit_code == 1
    assert "there is no letter 0:99" in result.stderr


def exported(path: Path) -> Iterable[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_export_writes_json_lines_for_the_owner_alone(six: LetterTopics, tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    assert six.run_json("dlq", "export", str(path), "--stage", "decode")["letters"] == 3
    rows = list(exported(path))
    assert [(row["partition"], row["offset"], row["code"]) for row in rows] == [
        (0, 1, "SCHEMA_UNKNOWN"),
        (0, 2, "VALUE_MISSING"),
        (1, 1, "SCHEMA_UNKNOWN"),
    ]
    assert base64.b64decode(rows[0]["value"]) == b"value"
    assert rows[1]["value"] is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_export_as_parquet_holds_the_same(six: LetterTopics, tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "letters.parquet"
    assert six.run_json("dlq", "export", str(path))["letters"] == 6
    rows = parquet.read_table(path).to_pylist()
    assert [row["code"] for row in rows][:2] == ["AUDIO_EMPTY", "SCHEMA_UNKNOWN"]
    assert [(row["partition"], row["offset"]) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert rows[0]["headers"][0]["name"] == "traceparent"
    assert rows[0]["value"] == b"value"
    assert (rows[2]["key"], rows[2]["value"]) == (None, None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_pyarrow_an_export_as_parquet_says_what_to_install(
    six: LetterTopics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = six.run("dlq", "export", str(tmp_path / "letters.parquet"))
    assert result.exit_code == 1
    assert "streamproc[parquet]" in result.stderr
    assert not list(tmp_path.iterdir())


def test_export_to_a_folder_that_is_not_there_is_an_error(six: LetterTopics, tmp_path: Path) -> None:
    result = six.run("dlq", "export", str(tmp_path / "none" / "letters.jsonl"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_foreign_records_do_not_stop_a_command(there: LetterTopics) -> None:
    there.write([Record(0, 0, None, b"foreign", [("streamproc.error.code", b"AUDIO_EMPTY")])])
    page = there.run_json("dlq", "list")
    assert page["letters"][0]["error"] == {}
    assert there.run_json("dlq", "stats")["groups"][0]["code"] == "(no dead letter)"
    result = there.run("dlq", "replay", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["no_letters"] == 1
