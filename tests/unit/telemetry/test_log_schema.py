"""The log's schema: docs/reference/logs.md says what the code does, and the code says nothing else."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streamproc.telemetry.logfields import FIELDS, DebugSample, about, escaped
from streamproc.telemetry.repetition import ALLOWED, Repetitions
from streamproc.tracing.event import EventScope, current

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/logs.md").read_text("utf-8")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
ROOMS = (
    "agents",
    "scoring",
    "inference",
    "telemetry",
    "health",
    "contracts",
    "audio",
    "deadletter",
    "web",
    "kafka",
    "routing",
)
FILES = [ROOT / "streamproc/app.py", ROOT / "streamproc/cli/worker.py"]


@dataclass(frozen=True)
class Row:
    """An event as the page has it."""

    event: str
    levels: frozenset[str]
    fields: frozenset[str]

    def covers(self, event: str) -> bool:
        """Whether it is about this event."""
        return event.startswith(self.event[:-1]) if self.event.endswith("…") else event == self.event


@dataclass(frozen=True)
class Call:
    """A call of a logger in the code; a field ``**`` stands for what is not written there."""

    place: str
    event: str
    level: str
    fields: frozenset[str]


def rows() -> list[Row]:
    table = PAGE[PAGE.index("| `event` | Level") :]
    found = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \| (.*)\|$", table, re.MULTILINE)
    return [
        Row(event, frozenset(re.findall(r"\w+", levels)), frozenset(re.findall(r"`(\w+)`", rest)))
        for event, levels, rest in found
    ]


def calls() -> Iterator[Call]:
    """Those of structlog's loggers, which are called ``log``."""
    for file in [*FILES, *(path for room in ROOMS for path in sorted((ROOT / "streamproc" / room).rglob("*.py")))]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                    args=[*_, ast.Constant(value=str(event))],
                    keywords=keywords,
                ) if level in LEVELS | {"log"}:
                    fields = frozenset(one.arg or "**" for one in keywords)
                    shown = {"exception": "error", "log": "warning"}.get(level, level)
                    yield Call(f"{file.name}:{node.lineno}", event, shown, fields)


ROWS, CALLS = rows(), list(calls())


def test_every_common_field_is_on_the_page() -> None:
    for name, meaning in FIELDS.items():
        assert f"| `{name}` | {meaning} |" in PAGE
    assert {
        *("service", "env", "version", "correlation_id", "activity_id", "phrase_index", "stage", "status"),
        *("latency_ms", "code", "trace_id", "span_id"),
    } <= set(FIELDS)


def test_the_code_is_read() -> None:
    assert len(CALLS) > 25


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.place)
def test_every_line_is_on_the_page_with_its_level_and_fields(call: Call) -> None:
    row = max((row for row in ROWS if row.covers(call.event)), key=lambda row: len(row.event), default=None)
    assert row is not None, f"docs/reference/logs.md has no row for {call.event!r}"
    assert call.level in row.levels
    assert call.fields - {"**"} <= row.fields | set(FIELDS)


def test_a_line_about_an_event_says_which_one() -> None:
    add: Any = about({"service": "streamproc", "env": "testing", "version": "1"})
    assert set(add(None, "", {"event": "ready"})) == {"event", "service", "env", "version"}
    current.set(EventScope("order-66", "reading-1"))
    line = add(None, "", {"event": "trying again", "activity_id": None})
    assert (line["correlation_id"], line["activity_id"]) == ("order-66", "reading-1")
    current.set(None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("one\ntwo", "one\\ntwo"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b\x00\x85", "a\\u2028b\\x00\\x85"),
        ("ü ʃ 読", "ü ʃ 読"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    line: Any = escaped(None, "", {"activity_id": text})
    assert line["activity_id"] == shown


def test_a_stack_keeps_its_lines() -> None:
    line: Any = escaped(None, "", {"stack": "one\n\x1btwo"})
    assert line["stack"] == "one\n\\x1btwo"


def record(level: int, **said: Any) -> logging.LogRecord:
    line: Any = {"event": "trying again", **said}  # structlog's, not a text
    return logging.LogRecord("streamproc.test", level, "", 0, line, (), None)


def test_of_one_activity_all_debug_lines_are_written_or_none() -> None:
    sample = DebugSample(0.25, draw=lambda: 0.9)
    kept = 0
    for number in range(1_000):
        current.set(EventScope(f"order-{number}"))
        passed = {sample.filter(record(logging.DEBUG)) for _ in range(3)}
        assert len(passed) == 1
        kept += passed.pop()
    current.set(None)
    assert 200 < kept < 300
    assert not sample.filter(record(logging.DEBUG))
    assert sample.filter(record(logging.INFO))


def test_which_event_it_is_about_does_not_make_a_line_another_one() -> None:
    repetitions = Repetitions(clock=lambda: 0.0)
    written = 0
    for number in range(20):
        current.set(EventScope(f"order-{number}"))
        written += repetitions.filter(record(logging.WARNING, code="INFERENCE_UNAVAILABLE"))
    current.set(None)
    assert written == ALLOWED
