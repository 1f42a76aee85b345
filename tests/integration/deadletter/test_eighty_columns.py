"""What an operator sees on a terminal of 80 columns and through a pipe: whole, harmless, enough for the next step."""

from __future__ import annotations

import re
import subprocess

import pytest
from confluent_kafka import Producer
from support.holes import hole
from support.letter_topics import LetterTopics, letter
from support.pseudo_terminal import on_terminal
from support.worker_process import environment, streamproc

from streamproc.deadletter.envelope import REPLAY_COUNT
from streamproc.errors import ErrorCode

pytestmark = hole("F4", "F6")

COLUMNS = 80
EVIL = "[/red]\x1b]0;owned\x07\x1b[2J\u202e"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""All that we write ourselves."""


@pytest.fixture(scope="module")
def there(kafka_bootstrap: str) -> LetterTopics:
    """Letters of all lengths, some with text of an attacker's; nobody may change anything."""
    there = LetterTopics(kafka_bootstrap)
    topic = there.activities
    there.write(
        [
            letter(0, ErrorCode.REFERENCE_TOO_LONG, topic=topic, tenant="district-" + "x" * 180),
            letter(1, ErrorCode.AUDIO_URI_REFUSED, topic=topic, tenant=EVIL, headers=[(EVIL, EVIL.encode())]),
            letter(
                1_000_000, ErrorCode.AUDIO_EMPTY, topic=topic, headers=[(REPLAY_COUNT, b"9" * 5000)], key=b"\x1b[2J"
            ),
        ]
    )
    return there


def shown(there: LetterTopics, *arguments: str, terminal: bool) -> str:
    """What a command writes to its standard output, a terminal of 80 columns or a pipe."""
    told = {**environment(there.environment), "TERM": "xterm-256color"}
    command = streamproc(*arguments)
    if not terminal:
        return subprocess.run(command, env=told, capture_output=True, text=True, timeout=60, check=False).stdout
    _, found = on_terminal(command, told, columns=COLUMNS, errors=False)
    return found.decode().replace("\r\n", "\n")


def harmless(text: str) -> str:
    plain = COLOUR.sub("", text)
    assert all(one.isprintable() for one in plain.split("\n")), plain
    return plain


@pytest.mark.parametrize("terminal", [True, False])
def test_a_list_holds_every_position_code_and_fingerprint_whole(there: LetterTopics, terminal: bool) -> None:
    text = harmless(shown(there, "dlq", "list", terminal=terminal))
    for needed in ("0:0  REFERENCE_TOO_LONG  reference_to", "1:0  AUDIO_URI_REFUSED  audio_uri_re", "0:1  AUDIO_EMPTY"):
        assert needed in text
    assert "[/red]\\x1b]0;owned" in text.replace("\n    ", "")
    if terminal:
        assert max(map(len, text.split("\n"))) <= COLUMNS
    else:
        assert "x" * 180 in text, "a pipe has no width"


@pytest.mark.parametrize("terminal", [True, False])
def test_statistics_hold_every_code_and_fingerprint_whole(there: LetterTopics, terminal: bool) -> None:
    text = harmless(shown(there, "dlq", "stats", terminal=terminal))
    assert "REFERENCE_TOO_LONG  reference_to  1 letter (33%)" in text
    assert "3 letters; done with: none" in text
    assert not terminal or max(map(len, text.split("\n"))) <= COLUMNS


@pytest.mark.parametrize("terminal", [True, False])
def test_one_letter_in_full_does_nothing_to_the_terminal(there: LetterTopics, terminal: bool) -> None:
    for position in ("1:0", "0:1"):
        text = harmless(shown(there, "dlq", "show", position, terminal=terminal))
        assert text.startswith(position)
    assert "9" * 5000 in text.replace("\n", ""), "a header's value is cut"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_reconciliation_names_what_differs_whole(there: LetterTopics, terminal: bool) -> None:
    producer = Producer({"bootstrap.servers": there.bootstrap})
    producer.produce(there.activities, value=b"x", partition=0)
    assert producer.flush(30) == 0
    text = harmless(shown(there, "reconcile", terminal=terminal))
    head, *rows = text.split("\n")
    assert head.split() == [
        *("partition", "inputs", "results", "letters", "pending", "missing", "duplicated", "unknown")
    ]
    assert len(rows[0].split()) == 8
    assert not terminal or max(map(len, text.split("\n"))) <= COLUMNS
