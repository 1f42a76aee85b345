"""Header names that are not UTF-8: confluent-kafka cannot read them, and no command may stumble over them."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition
from support.holes import hole
from support.letter_topics import LetterTopics, letter
from support.raw_records import RawRecord, send_raw

from streamproc.transport.headers import headers_of, shown_headers_of, unreadable

pytestmark = hole("B3")


def test_all_that_can_be_read_of_such_headers_is_read(there: LetterTopics) -> None:
    written = [
        RawRecord(headers=[(b"a", b"1"), (b"\xff\xfename", b"2"), ("é".encode(), None)]),
        RawRecord(headers=[(b"caf\xe9", None), (b"\x80", b"2"), (b"", b""), (b"\xc0", b"3")]),
        RawRecord(),
    ]
    send_raw(there.bootstrap, there.letters, written)
    consumer = Consumer({"bootstrap.servers": there.bootstrap, "group.id": there.letters})
    consumer.assign([TopicPartition(there.letters, 0, 0)])
    one, several, none = consumer.consume(3, timeout=10)
    for _ in range(2):  # the second time nothing tells that the binding failed
        assert headers_of(one) == [("a", b"1"), ("\udcff\udcfename", b"2"), ("é", None)]
        assert shown_headers_of(one) == [("a", b"1"), (r"\xff\xfename", b"2"), ("é", None)]
        assert headers_of(several) == [("caf\udce9", None), ("\udcff", b"2"), ("", b""), ("\udcff", b"3")]
        assert headers_of(none) is None
    assert unreadable(headers_of(one) or [])
    assert not unreadable(shown_headers_of(several))
    consumer.close()


@pytest.mark.parametrize("command", ["list", "stats"])
def test_letters_with_such_names_are_looked_at(there: LetterTopics, command: str) -> None:
    write(there)
    found = there.run("dlq", command)
    assert found.exit_code == 0, (found.output, found.exception)
    assert "AUDIO_EMPTY" in found.stdout


def test_a_letter_with_such_names_is_replayed_with_names_that_can_be_sent(there: LetterTopics) -> None:
    write(there)
    assert there.run("dlq", "show", "0:0").exit_code == 0
    replayed = there.run("dlq", "replay")
    assert replayed.exit_code == 1, "the record that is no letter is reported"
    (copy,) = there.read(there.activities)
    assert (copy.key, copy.value) == (b"learner", b"value")
    assert copy.headers[:2] == [(r"\xff\xfe", b"1"), ("x", b"2")]


def test_outcomes_with_such_names_are_reconciled(there: LetterTopics) -> None:
    write(there)
    send_raw(
        there.bootstrap, f"{there.activities.removesuffix('.activity')}.result", [RawRecord(headers=[(b"\xff", b"")])]
    )
    found = there.run("reconcile")
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert "Traceback" not in found.output


def write(there: LetterTopics) -> None:
    """A letter of a record with such a name, and a record that is no letter, with such a name too."""
    block = letter(0, topic=there.activities).headers
    names = [(b"\xff\xfe", b"1"), (b"x", b"2")]
    records = [
        RawRecord(b"learner", b"value", [*names, *((name.encode(), value) for name, value in block)]),
        RawRecord(headers=[(b"streamproc.error.\xff", b"1")], partition=1),
    ]
    send_raw(there.bootstrap, there.letters, records)
