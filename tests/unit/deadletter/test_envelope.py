"""The envelope: original headers come back whatever they are, the error is complete, messages are clean."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

import streamproc
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter import envelope
from streamproc.deadletter.envelope import (
    FIELDS,
    Failure,
    Headers,
    Source,
    WorkerIdentity,
    error_headers,
    split_headers,
)
from streamproc.deadletter.redaction import MESSAGE_LIMIT, redact
from streamproc.errors import ErrorCode, StreamprocError

TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
WORKERS_SPAN = "00-6c63baf1f3ba4c9faf1f8e1a9a6b4f2e-6e0c63257de34c92-01"
FAILURE = Failure(
    ErrorCode.AUDIO_EMPTY, "no samples", "x.Error", "0123456789ab", 3, TIME, TIME, "school-1", WORKERS_SPAN
)
STUB_FIELDS = ("original.bytes", "original.sha256")
DUPLICATE_FIELDS = ("first", "first.result.topic")
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def source(headers: Headers, timestamp_ms: int | None = 1_772_357_400_123) -> Source:
    return Source(SourcePosition(topic="reading.activity.v1", partition=2, offset=1500), timestamp_ms, headers)


def letter(headers: Headers) -> Headers:
    return error_headers(source(headers), FAILURE, WorkerIdentity("streamproc", "phonemes/7"))


names = st.one_of(st.text(max_size=20), st.sampled_from([envelope.LENGTH, f"{envelope.PREFIX}code", "traceparent"]))
header_lists = st.lists(st.tuples(names, st.one_of(st.none(), st.binary(max_size=20))), max_size=8)


@given(header_lists)
def test_the_original_headers_come_back_in_order_whatever_their_names_are(headers: Headers) -> None:
    original, error = split_headers(letter(headers))
    assert original == headers
    assert error["code"] == "AUDIO_EMPTY"


@given(header_lists)
def test_a_letter_of_a_letter_is_taken_apart_one_layer_at_a_time(headers: Headers) -> None:
    once = letter(headers)
    original, _ = split_headers(letter(once))
    assert original == once


def test_every_documented_field_is_there_and_no_other() -> None:
    _, error = split_headers(letter([("traceparent", TRACEPARENT)]))
    assert list(error) == [field.name for field in FIELDS if field.name not in STUB_FIELDS + DUPLICATE_FIELDS]
    assert error == {
        "code": "AUDIO_EMPTY",
        "stage": "audio",
        "class": "poison",
        "message": "no samples",
        "exception.type": "x.Error",
        "fingerprint": "0123456789ab",
        "source.topic": "reading.activity.v1",
        "source.partition": "2",
        "source.offset": "1500",
        "source.timestamp": "2026-03-01T09:30:00.123Z",
        "group": "streamproc",
        "worker.version": streamproc.__version__,
        "model.version": "phonemes/7",
        "attempts": "3",
        "first.time": "2026-03-01T09:30:00.000Z",
        "last.time": "2026-03-01T09:30:00.000Z",
        "trace.id": TRACE,
        "worker.traceparent": WORKERS_SPAN,
        "tenant": "school-1",
        "headers": str(len(FIELDS) - len(STUB_FIELDS + DUPLICATE_FIELDS)),
    }


@pytest.mark.parametrize(
    "headers", [[], [("x", b"1")], [(envelope.LENGTH, b"9")], [(envelope.LENGTH, b"no")], [(envelope.LENGTH, None)]]
)
def test_what_is_no_letter_has_no_error(headers: Headers) -> None:
    assert split_headers(headers) == (headers, {})


@pytest.mark.parametrize("value", [b"", b"junk", b"00-12-34-01", b"\xff" * 55, None])
def test_a_malformed_traceparent_is_no_trace_id(value: bytes | None) -> None:
    _, error = split_headers(letter([("traceparent", value)]))
    assert "trace.id" not in error


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        ("http://user:geheim@registry:8081/apis/v7 fails", "http://registry:8081/… fails"),
        ("cannot read s3://clips/learner-7f3a/1.wav", "cannot read s3://clips/…"),
        ("file:///var/clips/learner-7f3a.wav: gone", "file:///… gone"),
        ("token " + "QUJD" * 20 + " refused", "token … refused"),
        ("two\nlines\tand \x00 more", "two lines and more"),
        ("as it was (STREAMPROC_AUDIO__MAX_BYTES)", "as it was (STREAMPROC_AUDIO__MAX_BYTES)"),
    ],
)
def test_messages_lose_secrets_and_pseudonyms(message: str, clean: str) -> None:
    assert redact(message) == clean


@given(st.text(max_size=2000))
def test_a_message_is_one_line_of_bounded_length(message: str) -> None:
    clean = redact(message)
    assert len(clean) <= MESSAGE_LIMIT
    assert "\n" not in clean


def test_an_unknown_exception_says_its_type_and_nothing_that_it_quotes() -> None:
    failure = envelope.failure_of(ValueError("The quick brown fox"), 1, TIME, None)
    assert failure.code is ErrorCode.UNEXPECTED
    assert failure.exception_type == "builtins.ValueError"
    assert "fox" not in failure.message


def raised(times: int, error: Exception) -> Exception:
    try:
        if times:
            raise raised(times - 1, error)
        raise error
    except Exception as caught:  # noqa: BLE001
        return caught


def other_place(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        return caught


def unexpected(error: Exception) -> str:
    return envelope.failure_of(error, 1, TIME, None).fingerprint


def test_one_bug_has_one_fingerprint_and_another_bug_another() -> None:
    first, again = unexpected(raised(0, ValueError("a"))), unexpected(raised(0, ValueError("b")))
    assert first == again
    assert len(first) == 12
    assert unexpected(raised(0, TypeError("a"))) != first
    assert unexpected(other_place(ValueError("a"))) != first


def test_a_coded_failure_is_known_by_its_code_and_its_reason_wherever_it_was_raised() -> None:
    here = raised(0, StreamprocError(ErrorCode.SCHEMA_UNKNOWN, "schema id 7"))
    there = other_place(StreamprocError(ErrorCode.SCHEMA_UNKNOWN, "schema id 8"))
    assert unexpected(here) == unexpected(there)
    assert unexpected(here) != unexpected(raised(0, StreamprocError(ErrorCode.AUDIO_EMPTY)))


def coded(message: str, code: ErrorCode = ErrorCode.VALUE_UNREADABLE) -> str:
    return unexpected(StreamprocError(code, message))


@hole("F6")
def test_causes_with_one_code_have_fingerprints_of_their_own_and_numbers_make_none() -> None:
    damaged = coded("the body is not what schema id 7 says (EOFError at byte 12)")
    assert coded("the body is not what schema id 8 says (EOFError at byte 1,999)") == damaged
    assert coded("the body is not what schema id 7 says (ValueError at byte 12)") != damaged
    assert coded("the value begins with byte 0 instead of 1: it is not in Confluent's wire format") != damaged
    assert coded("the body is not what schema id 7 says (EOFError at byte 12)", ErrorCode.ACTIVITY_INVALID) != damaged
    # What a message does not keep, a fingerprint does not tell apart.
    assert coded("cannot read s3://clips/learner-7f3a/1.wav") == coded("cannot read s3://clips/learner-99/b.wav")


@hole("B5")
def test_a_stub_says_where_the_original_is_and_holds_nothing_of_it() -> None:
    value = b"a child's reading" * 1000
    headers: Headers = [
        ("large", b"x" * 100_000),
        (envelope.REPLAY_COUNT, b"2"),
        (envelope.ORIGINAL_TIMESTAMP, b"9" * 100_000),
    ]
    stub = envelope.stub_headers(source(headers), FAILURE, WorkerIdentity("streamproc", "phonemes/7"), value)
    original, error = split_headers(stub)
    assert original == [(envelope.REPLAY_COUNT, b"2")]
    assert error["code"] == "AUDIO_EMPTY"
    assert (error["source.partition"], error["source.offset"]) == ("2", "1500")
    assert error["original.bytes"] == str(len(value))
    assert error["original.sha256"] == hashlib.sha256(value).hexdigest()
    assert set(error) - set(split_headers(letter([]))[1]) == set(STUB_FIELDS)
    assert sum(len(name) + len(held or b"") for name, held in stub) < 3000
