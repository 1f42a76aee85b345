"""`streamproc dlq replay` and `discard` on a real Kafka: exactly once, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pytest
from support.letter_topics import PARTITIONS, LetterTopics, Record, letter
from support.worker_process import environment, streamproc

from streamproc.deadletter.envelope import ORIGINAL_TIMESTAMP, REPLAY_COUNT, Headers
from streamproc.deadletter.ledger import LetterState
from streamproc.deadletter.letters import Letter, Selection
from streamproc.deadletter.operation import Fenced, LetterOperation
from streamproc.deadletter.replay import replay_deed
from streamproc.deadletter.scan import spans_of
from streamproc.errors import ErrorCode
from streamproc.kafka import topics
from streamproc.kafka.places import Position
from streamproc.kafka.reading import TopicReader

ORIGINAL_TIME = b"2026-02-25T06:13:20.000Z"
REPLAYED_ONCE = [(REPLAY_COUNT, b"1"), (ORIGINAL_TIMESTAMP, ORIGINAL_TIME)]


def contents(records: list[Record]) -> Counter[tuple[bytes | None, bytes | None]]:
    return Counter((record.key, record.value) for record in records)


def no_stub(letter: Letter) -> Letter:
    raise AssertionError(f"{letter.position} is no stub")


def test_a_replay_is_the_original_byte_for_byte_at_its_old_partition(there: LetterTopics) -> None:
    odd: Headers = [("x", b"1"), ("x", b"2"), ("", b"\xff\x00"), ("null", None), ("streamproc.error.code", b"not ours")]
    there.write(
        [
            letter(1, topic=there.activities, key=b"\xff", value=bytes(range(256)), headers=odd),
            letter(3, ErrorCode.VALUE_MISSING, topic=there.activities, key=None, value=None),
        ]
    )
    assert there.run_json("dlq", "replay") == {
        "replayed": 2,
        "parked": 0,
        "refused": [],
        "no_letters": 0,
        "no_letters_at": [],
    }
    first, second = there.read(there.activities)
    assert (first.partition, first.key, first.value) == (1, b"\xff", bytes(range(256)))
    assert first.headers == [*odd, *REPLAYED_ONCE]
    assert (second.partition, second.key, second.value) == (1, None, None)
    assert second.headers == REPLAYED_ONCE


def test_what_was_replayed_is_not_replayed_again(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities) for index in range(4)])
    assert there.run_json("dlq", "replay", "--offset", "0:0-9")["replayed"] == 2
    assert there.run_json("dlq", "replay")["replayed"] == 2
    assert there.run_json("dlq", "replay")["replayed"] == 0
    assert len(there.read(there.activities)) == 4
    assert there.run_json("dlq", "list")["letters"] == []
    assert len(there.run_json("dlq", "list", "--state", "replayed")["letters"]) == 4
    assert there.run_json("dlq", "stats")["ledger"] == {"replayed": 4}


def test_filters_choose_what_is_replayed(there: LetterTopics) -> None:
    topic = there.activities
    there.write([letter(0, topic=topic, value=b"a"), letter(1, ErrorCode.SCHEMA_UNKNOWN, topic=topic, value=b"b")])
    there.run_json("dlq", "replay", "--code", "SCHEMA_UNKNOWN")
    assert [record.value for record in there.read(topic)] == [b"b"]


def test_duplicates_are_left_where_they_are(there: LetterTopics) -> None:
    """Their activities have results; asked for by their code they say so."""
    topic = there.activities
    twice = letter(0, ErrorCode.DUPLICATE_ACTIVITY, topic=topic, value=b"a")
    there.write([twice, letter(1, ErrorCode.SCHEMA_UNKNOWN, topic=topic, value=b"b")])
    told = there.run_json("dlq", "replay")
    assert (told["replayed"], told["refused"]) == (1, [])
    assert [record.value for record in there.read(topic)] == [b"b"]
    done = there.run("dlq", "replay", "--code", "DUPLICATE_ACTIVITY")
    assert done.exit_code == 1
    assert "there is a result already" in done.stderr
    assert len(there.read(topic)) == 1


def test_a_dry_run_counts_and_writes_nothing(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities) for index in range(4)])
    with there.settings() as tree, TopicReader(tree) as reader, LetterOperation(tree, reader) as running:
        assert there.run_json("dlq", "replay", "--dry-run")["replayed"] == 4
        assert there.run_json("dlq", "discard", "--since", "2026-01-01", "--reason", "x", "--dry-run") == {
            "discarded": 4,
            "refused": [],
            "no_letters": 0,
            "no_letters_at": [],
        }
        assert running.do([]) == [], "a dry run has fenced somebody"
    assert there.read(there.activities) == []
    assert there.read(topics.ledger_topic(there.letters)) == []


def test_an_event_that_was_replayed_too_often_is_parked(there: LetterTopics) -> None:
    headers: Headers = [
        ("x", b"1"),
        (REPLAY_COUNT, b"2"),
        (ORIGINAL_TIMESTAMP, b"2026-01-01T00:00:00.000Z"),
        ("y", b"2"),
    ]
    worn = letter(0, topic=there.activities, headers=headers)
    there.write([worn])
    assert there.run_json("dlq", "replay", "--max-replays", "2", "--dry-run")["parked"] == 1
    assert there.run_json("dlq", "replay", "--max-replays", "2") == {
        "replayed": 0,
        "parked": 1,
        "refused": [],
        "no_letters": 0,
        "no_letters_at": [],
    }
    (parked,) = there.read(topics.parked_topic(there.letters))
    assert (parked.key, parked.value, parked.headers) == (worn.key, worn.value, worn.headers)
    assert there.read(there.activities) == []
    assert there.run_json("dlq", "list", "--state", "parked")["letters"][0]["position"] == "0:0"


def test_the_count_goes_up_and_the_first_timestamp_stays(there: LetterTopics) -> None:
    headers: Headers = [("x", b"1"), (REPLAY_COUNT, b"2"), (ORIGINAL_TIMESTAMP, b"2026-01-01T00:00:00.000Z")]
    there.write([letter(0, topic=there.activities, headers=headers)])
    there.run_json("dlq", "replay")
    (record,) = there.read(there.activities)
    assert record.headers == [("x", b"1"), (REPLAY_COUNT, b"3"), (ORIGINAL_TIMESTAMP, b"2026-01-01T00:00:00.000Z")]


def test_a_discard_says_who_when_and_why(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities) for index in range(2)])
    arguments = ("--offset", "0:0", "--reason", "test recordings", "--by", "ada@school")
    assert there.run_json("dlq", "discard", *arguments)["discarded"] == 1
    assert there.run_json("dlq", "discard", *arguments)["discarded"] == 0, "it is discarded already"
    (record,) = there.read(topics.audit_topic(there.letters))
    audit = json.loads(record.value or b"")
    assert audit.pop("time").endswith("Z")
    assert audit == {
        "letter": f"{there.letters}/0/0",
        "source": f"{there.activities}/0/0",
        "code": "AUDIO_EMPTY",
        "fingerprint": "audio_empty",
        "by": "ada@school",
        "reason": "test recordings",
    }
    assert there.run_json("dlq", "replay")["replayed"] == 1, "a discarded letter was replayed"
    assert [record.partition for record in there.read(there.activities)] == [1]


def test_a_letter_that_kafka_refuses_stays_open_and_the_others_go(kafka_bootstrap: str) -> None:
    there = LetterTopics(kafka_bootstrap, activity_bytes=5000)
    letters = [letter(index, topic=there.activities) for index in range(6)]
    letters[2] = letter(2, topic=there.activities, value=os.urandom(10_000))
    there.write(letters)
    result = there.run("dlq", "replay", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["replayed"] == 5
    assert [row["position"] for row in report["refused"]] == ["0:1"]
    assert len(there.read(there.activities)) == 5
    assert [row["position"] for row in there.run_json("dlq", "list")["letters"]] == ["0:1"]


def test_a_letter_whose_partition_is_gone_stays_open_and_the_others_go(there: LetterTopics) -> None:
    elsewhere = letter(1, topic=there.activities)
    headers: Headers = [
        (name, b"7" if name == "streamproc.error.source.partition" else value) for name, value in elsewhere.headers
    ]
    there.write([letter(0, topic=there.activities), replace(elsewhere, headers=headers)])
    result = there.run("dlq", "replay", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["replayed"] == 1
    assert [row["position"] for row in report["refused"]] == ["1:0"]
    assert "partition" in report["refused"][0]["reason"]


def test_the_second_of_two_operators_fences_the_first(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(10)])
    with there.settings() as tree, TopicReader(tree) as reader:
        spans = spans_of(reader, there.letters, Selection())
        everything = [Letter(message) for batch in reader.read(there.letters, spans) for message in batch]
        deeds = [deed for one in everything if (deed := replay_deed(one, tree.kafka, 3, "first", no_stub)) is not None]
        with LetterOperation(tree, reader) as first:
            first.do(deeds[:4])
            assert there.run_json("dlq", "replay")["replayed"] == 6
            with pytest.raises(Fenced):
                first.do(deeds[4:])
    assert contents(there.read(there.activities)) == Counter((b"learner", b"%d" % index) for index in range(10))


def test_an_open_transaction_of_a_dead_operator_is_ended_and_not_seen(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(4)])
    with there.settings() as tree, TopicReader(tree) as reader:
        spans = spans_of(reader, there.letters, Selection())
        everything = [Letter(message) for batch in reader.read(there.letters, spans) for message in batch]
        first = LetterOperation(tree, reader)
        first.__enter__()
        first._producer.begin_transaction()
        for one in everything:
            deed = replay_deed(one, tree.kafka, 3, "first", no_stub)
            assert deed is not None
            for copy in first._copies(deed):
                first._enqueue(copy, [])
        first._producer.flush(10)
        assert there.run_json("dlq", "replay")["replayed"] == 4
    assert len(there.read(there.activities)) == 4


def test_entries_of_letters_that_retention_has_deleted_are_forgotten(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(8)])
    assert there.run_json("dlq", "replay", "--offset", "1:2")["replayed"] == 1
    assert there.run_json("dlq", "discard", "--offset", "0:0", "--reason", "x")["discarded"] == 1
    there.expire(0, 2)
    there.expire(1, 1)
    assert there.run_json("dlq", "list", "--state", "any", "--limit", "1")["letters"][0]["position"] == "0:2"
    assert there.run_json("dlq", "replay", "--dry-run")["replayed"] == 4
    assert there.entries() == {"0:0": "discarded", "1:2": "replayed"}, "looking at letters has written"

    assert there.run_json("dlq", "replay")["replayed"] == 4
    kept = dict.fromkeys(("0:2", "0:3", "1:1", "1:2", "1:3"), "replayed")
    assert there.entries() == kept
    written = len(there.read(topics.ledger_topic(there.letters)))
    assert there.run_json("dlq", "replay")["replayed"] == 0
    assert there.run_json("dlq", "stats", "--state", "any")["ledger"] == {"replayed": 5}
    assert len(there.read(topics.ledger_topic(there.letters))) == written, "the same entry was deleted twice"

    there.expire(0, 4)
    there.write([letter(8, topic=there.activities, value=b"8")])
    assert there.run_json("dlq", "discard", "--offset", "0:4", "--reason", "x")["discarded"] == 1
    assert there.entries() == {"0:4": "discarded"} | {place: "replayed" for place in kept if place[0] == "1"}
    assert contents(there.read(there.activities)) == Counter((b"learner", b"%d" % index) for index in (3, 4, 5, 6, 7))


def test_an_operator_who_is_fenced_forgets_nothing(there: LetterTopics) -> None:
    there.write([letter(index, topic=there.activities) for index in range(4)])
    there.run_json("dlq", "replay")
    there.expire(0, 1)
    before = there.entries()
    with (
        there.settings() as tree,
        TopicReader(tree) as reader,
        LetterOperation(tree, reader) as first,
        LetterOperation(tree, reader) as second,
    ):
        with pytest.raises(Fenced):
            first.read_ledger()
        assert there.entries() == before
        assert second.read_ledger().state(Position(0, 1)) is LetterState.REPLAYED
    assert there.entries() == {position: state for position, state in before.items() if position != "0:0"}


def test_a_ledger_of_many_batches_and_an_empty_one(there: LetterTopics) -> None:
    count = 5000
    assert there.run_json("dlq", "stats")["ledger"] == {}
    there.write([letter(index, topic=there.activities) for index in range(count)])
    assert there.run_json("dlq", "replay")["replayed"] == count
    assert there.run_json("dlq", "stats")["ledger"] == {"replayed": count}
    assert there.run_json("dlq", "replay")["replayed"] == 0
    there.expire(0, count // PARTITIONS)
    there.run_json("dlq", "replay")
    assert there.run_json("dlq", "stats")["ledger"] == {"replayed": count - count // PARTITIONS}


def replaying(there: LetterTopics, *arguments: str) -> subprocess.Popen[bytes]:
    """A replay in a process of its own, which dies with this one."""
    return subprocess.Popen(
        streamproc("dlq", "replay", *arguments),
        env=environment(there.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_for_replayed(there: LetterTopics, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while len(there.read(there.activities)) < count:
        assert process.poll() is None, "the replay was over before it could be killed"
        assert time.monotonic() < deadline, "the replay does not get on"
        time.sleep(0.05)


def test_a_replay_that_is_killed_twice_and_run_again_replays_every_letter_once(there: LetterTopics) -> None:
    count = 600
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(count)])
    for least in (1, 100):
        process = replaying(there, "--rate", "60")
        wait_for_replayed(there, least, process)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    left = there.run_json("dlq", "replay")["replayed"]
    assert 0 < left < count
    assert contents(there.read(there.activities)) == Counter((b"learner", b"%d" % index) for index in range(count))


def test_an_operator_who_is_fenced_exits_and_says_so(there: LetterTopics) -> None:
    count = 400
    there.write([letter(index, topic=there.activities, value=b"%d" % index) for index in range(count)])
    first = replaying(there, "--rate", "40")
    wait_for_replayed(there, 1, first)
    there.run_json("dlq", "replay")
    _, said = first.communicate(timeout=60)
    assert first.returncode == 1
    assert b"has begun and taken over" in said
    assert contents(there.read(there.activities)) == Counter((b"learner", b"%d" % index) for index in range(count))
