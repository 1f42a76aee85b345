"""What anybody may have written into the topics of the letters: it stops no command."""

from __future__ import annotations

import pytest
from confluent_kafka import Message
from support.holes import hole

from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.discard import discard_deed
from streamproc.deadletter.envelope import LENGTH, PREFIX, REPLAY_COUNT, Headers, replays_of, source_of, split_headers
from streamproc.deadletter.ledger import LetterLedger, LetterState
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.replay import rehearse, replay_deed
from streamproc.kafka.places import OffsetRange, Position
from streamproc.settings import KafkaSettings

DIGITS = b"9" * 5000
KAFKA = KafkaSettings(activity_topic="x", result_topic="x.result", dead_letter_topic="x.dlq")


def letter(headers: Headers, offset: int = 0) -> Letter:
    made: list[tuple[str, str | bytes | None]] = [*headers]
    return Letter(Message(topic="x.dlq", partition=0, offset=offset, value=b"v", headers=made))


def block(**changed: bytes) -> Headers:
    fields = {"code": b"AUDIO_EMPTY", "source.topic": b"x", "source.partition": b"0", "source.offset": b"7"}
    fields |= {name.replace("_", "."): value for name, value in changed.items()}
    pairs: Headers = [(PREFIX + name, value) for name, value in fields.items() if value]
    return [*pairs, (LENGTH, b"%d" % (len(pairs) + 1))]


def no_original(stub: Letter) -> Letter:
    raise AssertionError(f"{stub.position} is no stub")


def rehearsed(*letters: Letter) -> tuple[dict[str, int], list[str]]:
    outcome = rehearse(letters, lambda one: replay_deed(one, KAFKA, 3, "ada", no_original))
    return {state.value: count for state, count in outcome.done.items()}, [str(one) for one in outcome.foreign]


@hole("F4")
@pytest.mark.parametrize(
    ("value", "times"), [(b"2", 2), (DIGITS, 2**63 - 1), (b"-1", 0), (b"", 0), (None, 0), (b"\xd9\xa1", 0), (b"1e3", 0)]
)
def test_a_count_of_replays_is_any_number_of_digits(value: bytes | None, times: int) -> None:
    assert replays_of([(REPLAY_COUNT, value)]) == times


@hole("F4")
def test_a_count_without_end_is_parked_and_blocks_no_other() -> None:
    forged = letter([(REPLAY_COUNT, DIGITS), *block()])
    assert rehearsed(forged, letter(block(), 1)) == ({"parked": 1, "replayed": 1}, [])


@hole("F4")
@pytest.mark.parametrize("count", [DIGITS, b"0", b"99", b"-1", b"\xc2\xb2"])
def test_a_block_of_a_forged_length_is_no_block(count: bytes) -> None:
    headers: Headers = [("x", b"1"), (LENGTH, count)]
    assert split_headers(headers) == (headers, {})


@hole("B3", "F4")
@pytest.mark.parametrize(
    "changed",
    [
        {"source_topic": b""},
        {"source_partition": b"x"},
        {"source_partition": b"2147483648"},
        {"source_partition": DIGITS},
        {"source_offset": b"-5"},
        {"source_offset": DIGITS},
        {"source_offset": b""},
    ],
)
def test_a_letter_of_nowhere_is_passed_over_and_can_be_discarded(changed: dict[str, bytes]) -> None:
    forged = letter(block(**changed))
    assert source_of(forged.error) is None
    assert rehearsed(forged, letter(block(), 1)) == ({"replayed": 1}, ["0:0"])
    assert discard_deed(forged, "x.dlq", "forged", "ada").entry.state is LetterState.DISCARDED


@hole("F4")
@pytest.mark.parametrize("topic", [b"x.result", b"x.dlq.ledger", b"__consumer_offsets", b"x\x00y", b"a b", b"z" * 9999])
@pytest.mark.parametrize("stub", [b"", b"0" * 64])
def test_a_letter_goes_nowhere_but_to_the_activity_topic_and_blocks_no_other(topic: bytes, stub: bytes) -> None:
    forged = letter(block(source_topic=topic, original_sha256=stub))
    outcome = rehearse([forged, letter(block(), 1)], lambda one: replay_deed(one, KAFKA, 3, "ada", no_original))
    assert outcome.done == {LetterState.REPLAYED: 1}
    ((position, reason),) = outcome.refused
    assert position == Position(0, 0)
    assert "STREAMPROC_KAFKA__ACTIVITY_TOPIC" in reason
    assert len(reason) < 600


@hole("F4")
def test_a_letter_of_any_text_can_be_discarded() -> None:
    long = dict.fromkeys(("source_topic", "code", "fingerprint", "source_offset"), b"\x01" * 1_000_000)
    (audit,) = discard_deed(letter(block(**long)), "x.dlq", "forged", "ada").copies
    assert len(audit.value or b"") < 10_000


@hole("B3")
def test_a_letter_says_where_its_original_is() -> None:
    assert source_of(letter(block()).error) == SourcePosition(topic="x", partition=0, offset=7)


@hole("F4")
@pytest.mark.parametrize("text", ["0:" + "9" * 5000, "9" * 5000 + ":0", "2147483648:0", "0:9223372036854775808"])
def test_a_position_beyond_kafkas_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PARTITION:OFFSET"):
        Position.parse(text)
    with pytest.raises(ValueError, match="PARTITION:"):
        OffsetRange.parse(f"0:1-{'9' * 5000}")


@hole("B3")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"0:1", b"no JSON"),
        (b"0:1", b'{"state": "eaten"}'),
        (b"0:1", b'{"time": 1}'),
        (b"0:1", b"[" * 100_000),
        (b"\xff", b'{"state": "replayed"}'),
        (None, b'{"state": "replayed"}'),
    ],
)
def test_a_foreign_record_in_the_ledger_opens_no_letter_and_stops_nothing(key: bytes | None, value: bytes) -> None:
    entry = b'{"state": "replayed", "by": "ada"}'
    ledger = LetterLedger()
    ledger.add([Message(key=b"0:1", value=entry), Message(key=key, value=value), Message(key=b"0:2", value=entry)])
    assert ledger.state_at(0, 1) is ledger.state_at(0, 2) is LetterState.REPLAYED
    assert ledger.below({0: 2}) == [Position(0, 1)]
