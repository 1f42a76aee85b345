"""A record whose headers cannot be read becomes a dead letter, that can be replayed."""

from __future__ import annotations

from support.activities import activity, phrase, result, value
from support.holes import hole
from support.raw_records import RawRecord, send_raw
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess, run

from streamproc.localstack.stack import Addresses


@hole("B3")
def test_a_header_name_that_is_not_utf8_costs_no_activity(
    worker: WorkerProcess, topics: TestTopics, settings: dict[str, str], stack: Addresses, schema_id: int
) -> None:
    good = value(activity(phrase()), schema_id)
    headers = [(b"x", b"1"), (b"\xff\xfe", b"2")]
    places = send_raw(stack.kafka_bootstrap, topics.activities, [RawRecord(b"a", good, headers), RawRecord(b"a", good)])
    (letter,) = topics.read_letters(1)
    assert letter.source == places[0]
    assert letter.error["code"] == "HEADERS_UNREADABLE"
    assert (letter.record.key, letter.record.value) == (b"a", good)
    assert letter.record.headers[:2] == [("x", b"1"), (r"\xff\xfe", b"2")]
    replayed = run(settings, "dlq", "replay")
    assert replayed.returncode == 0, replayed.stderr
    results = topics.read(topics.results, 2)
    assert len(results) == 2
    assert worker.is_alive
    assert {result(record.value or b"").source.offset for record in results} > {places[1][1]}
