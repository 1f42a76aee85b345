"""How letters are shown: nothing that the next command needs is cut, and nothing in them reaches the terminal raw."""

from __future__ import annotations

from typing import Any

import pytest
from click import unstyle
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.cli.reconcile import runs
from streamproc.cli.shown import described_lines, group_lines, letter_lines
from streamproc.deadletter.envelope import LENGTH, PREFIX, REPLAY_COUNT, Headers
from streamproc.deadletter.ledger import LetterLedger
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.rows import letter_json
from streamproc.deadletter.statistics import course, group_letters


def letter(headers: Headers | None = None, **changed: bytes) -> Letter:
    fields = {
        "code": b"REFERENCE_TOO_LONG",
        "fingerprint": b"3f7d77cb933a",
        "message": b"4,000 phonemes; the limit is 2,000 " * 10,
        "source.topic": b"reading.activity.v1",
        "source.partition": b"3",
        "source.offset": b"1234567890",
        "attempts": b"1",
        "tenant": b"district-of-a-long-name",
        **changed,
    }
    block: Headers = [(PREFIX + name, value) for name, value in fields.items()]
    made: list[tuple[str, str | bytes | None]] = [*(headers or []), *block, (LENGTH, b"%d" % (len(block) + 1))]
    return Letter(
        Message(
            topic="x.dlq", partition=63, offset=123_456_789, value=b"v", headers=made, timestamp=(1, 1_772_357_400_123)
        )
    )


@hole("F6")
def test_position_code_and_fingerprint_stand_whole_on_one_line_of_80_columns() -> None:
    heading, *_ = letter_lines(letter(), LetterLedger())
    assert unstyle(heading) == "63:123456789  REFERENCE_TOO_LONG  3f7d77cb933a  2026-03-01T09:30:00.123Z"
    groups = group_letters([letter()])
    heading, *_ = group_lines(groups[0], 1, *course(groups))
    assert unstyle(heading) == "REFERENCE_TOO_LONG  3f7d77cb933a  1 letter (100%)"


@hole("F6")
@pytest.mark.parametrize(("attempts", "replays", "tries"), [(b"1", b"0", 1), (b"3", b"2", 5), (b"x", b"2", None)])
def test_replays_count_as_tries(attempts: bytes, replays: bytes, tries: int | None) -> None:
    tried = letter([(REPLAY_COUNT, replays)], attempts=attempts)
    assert letter_json(tried, LetterLedger())["tries"] == tries
    text = " ".join(letter_lines(tried, LetterLedger()))
    assert (f"{tries} tr" in text) is (tries is not None)
    assert ("1 try" in text) is (tries == 1)


@hole("F6")
def test_headers_stand_in_two_columns() -> None:
    described: dict[str, Any] = {
        "headers": [
            {"name": name, "value": "1"}
            for name in ("a", "streamproc.replay.original.timestamp", "of-another-team-and-much-too-long-for-a-column")
        ],
        "key": "k",
        "event": {},
        "unreadable": None,
    }
    lines = [unstyle(line) for line in described_lines(letter(), LetterLedger(), described)]
    first = lines.index("original headers") + 1
    assert lines[first : first + 3] == [
        f"    a{' ' * 35}  1",
        "    streamproc.replay.original.timestamp  1",
        "    of-another-team-and-much-too-long-for-a-column  1",
    ]


hostile = st.sampled_from(
    ["[/red]", "\x1b[2J", "\x1b]0;x\x07", "\u202e", "\r\n", "\x9b1m", "[link=x]", "\udcff", "\x00"]
)


@hole("F4")
@given(st.lists(st.one_of(hostile, st.text(max_size=5)), min_size=10, max_size=10))
def test_whatever_a_letter_holds_it_is_shown_as_text(parts: list[str]) -> None:
    some = [part.encode(errors="replace") for part in parts]
    names = ("code", "fingerprint", "message", "source.topic", "tenant", "attempts")
    shown = letter([(parts[0].encode(errors="replace").decode(), some[1])], **dict(zip(names, some[2:8], strict=True)))
    groups = group_letters([shown])
    described: dict[str, Any] = {
        "key": parts[8],
        "headers": [{"name": parts[0], "value": parts[1]}],
        "event": {"text": parts[9]},
        "unreadable": None,
    }
    lines = [
        *letter_lines(shown, LetterLedger()),
        *group_lines(groups[0], 1, *course(groups)),
        *described_lines(shown, LetterLedger(), described),
    ]
    for line in lines:
        # What is bold or red is so by us: nothing else that a terminal obeys is left.
        assert unstyle(line).isprintable(), line


@hole("F6")
def test_offsets_that_differ_are_named_in_runs_and_never_cut_short_unsaid() -> None:
    assert runs([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert runs(range(1_000_000)) == "0-999999"
    assert runs(range(0, 40, 2)).endswith("18 and 10 more (--json names them)")
