"""Every bad input that there is, at once, to one worker: each becomes a dead letter, and the worker lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.activities import CHILD, TEXT, activity, behind, clip, encode, inline, phrase, reading, result, value
from support.holes import hole
from support.topics_of_test import Headers, Letter, Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.contracts.generated.events import (
    Audio,
    Phrase,
    PhraseStatus,
    ReferenceWord,
    Result,
    ResultStatus,
    SourcePosition,
)

from .hostile_schemas import hostile_records

HEADERS: Headers = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x", b"1"),
    ("x", b"2"),
]
"""Headers that a dead letter must keep, a repeated one among them."""

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "follow_outcomes.py"
LONG_WORD = "pneumonoultramicroscopicsilicovolcanoconiosis"
NO_NUMBERS = np.full((4_000, 1), np.nan, np.float32)


@pytest.fixture(scope="module")
def settings(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a worker that does not compress: what a result says again and again would become small."""
    return {**settings, "STREAMPROC_TRANSPORT__COMPRESSION": "none"}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the worker made of every case."""

    published: dict[str, Record]
    places: dict[str, SourcePosition]
    letters: list[Letter]
    results: list[Result]

    def letter(self, case: str) -> Letter:
        """The one dead letter of a case."""
        place = self.places[case]
        (letter,) = [one for one in self.letters if one.source == (place.partition, place.offset)]
        return letter

    def result(self, case: str) -> Result:
        """The one result of a case."""
        place = self.places[case]
        (only,) = [one for one in self.results if one.source == place]
        return only


def bad_phrases(clips: Path) -> dict[str, Phrase]:
    """Phrases that cannot be scored, by a name that begins with the code they must get."""
    prefix = clips.as_uri()
    return {
        "AUDIO_UNREADABLE corrupt": phrase(inline(b"RIFF\x00\x00\x00\x00WAVEjunk" + bytes(range(256)))),
        "AUDIO_UNREADABLE text": phrase(inline(b"this is not audio at all")),
        "AUDIO_UNREADABLE container": phrase(inline(encode(np.zeros((8000, 1)), 8000, "AIFF"))),
        "AUDIO_UNREADABLE no numbers": phrase(inline(encode(NO_NUMBERS, 16_000, "WAV", "FLOAT"))),
        "AUDIO_TRUNCATED WAV": phrase(inline(clip(0.3)[:-2000])),
        "AUDIO_TRUNCATED Ogg": phrase(inline(clip(0.3, container="OGG")[:-100])),
        "AUDIO_EMPTY no bytes": phrase(inline(b"")),
        "AUDIO_EMPTY header alone": phrase(inline(clip(0.0))),
        "AUDIO_TOO_SHORT": phrase(inline(clip(0.05))),
        "AUDIO_TOO_LONG 2 hours": phrase(inline(encode(np.zeros(2 * 3600 * 8000, np.int16), 8000, "FLAC"))),
        "AUDIO_SAMPLE_RATE low": phrase(inline(clip(rate=7_999))),
        "AUDIO_SAMPLE_RATE high": phrase(inline(clip(0.1, rate=192_000))),
        "AUDIO_TOO_LARGE file": phrase(behind(f"{prefix}/huge.wav")),
        "AUDIO_MISSING": phrase(Audio(sample_rate=16_000)),
        "AUDIO_AMBIGUOUS": phrase(Audio(data=clip(), uri=f"{prefix}/a.wav", sample_rate=16_000)),
        "AUDIO_NOT_FOUND": phrase(behind(f"{prefix}/nothing.wav")),
        "AUDIO_NOT_FOUND pipe": phrase(behind(f"{prefix}/pipe.wav")),
        "AUDIO_URI_REFUSED folder": phrase(behind(f"{prefix}/")),
        "AUDIO_URI_REFUSED malformed": phrase(behind("http://[")),
        "AUDIO_URI_REFUSED port": phrase(behind("http://127.0.0.1:99999/a.wav")),
        "AUDIO_URI_REFUSED parameter": phrase(behind(f"{prefix}/..;/secret.wav")),
        "AUDIO_URI_REFUSED encoded twice": phrase(behind(f"{prefix}/%252e%252e/secret.wav")),
        "AUDIO_URI_REFUSED outside": phrase(behind("file:///etc/passwd")),
        "AUDIO_URI_REFUSED dots": phrase(behind(f"{prefix}/../../etc/passwd")),
        "AUDIO_URI_REFUSED encoded dots": phrase(behind(f"{prefix}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd")),
        "AUDIO_URI_REFUSED link": phrase(behind(f"{prefix}/leads-out.wav")),
        "AUDIO_URI_REFUSED scheme": phrase(behind("s3://somebody/clip.wav")),
        "REFERENCE_EMPTY no text": phrase(text=""),
        "REFERENCE_EMPTY emoji": phrase(text="🦊🙂 👨‍👩‍👧 ❤️"),
        "REFERENCE_EMPTY punctuation": phrase(text="… — ?! ''"),
        "REFERENCE_TOO_LONG": phrase(text="banana " * 1000),
        "REFERENCE_INVALID": replace(phrase(), reference=(ReferenceWord(text="mole", phonemes=("M", "Å")),)),
    }


def bad_activities(clips: Path) -> dict[str, tuple[Phrase, ...]]:
    """Activities that cannot be scored as a whole."""
    spoken = behind(f"{clips.as_uri()}/a%20clip.wav")
    return {
        "PHRASES_MISSING": (),
        "PHRASES_TOO_MANY": tuple(phrase(inline(b"x"), index=index) for index in range(501)),
        "ACTIVITY_INVALID same index": (phrase(index=3), phrase(index=3)),
        "AUDIO_TOO_LARGE inline": (phrase(inline(bytes(1_040_000))),),
        "RESULT_TOO_LARGE": tuple(phrase(spoken, f"{TEXT} {LONG_WORD} {'a ' * 80}", index) for index in range(400)),
    }


def bad_records(good: bytes) -> dict[str, bytes | None]:
    """Values that are no activities."""
    return {
        "VALUE_MISSING tombstone": None,
        "VALUE_UNREADABLE empty": b"",
        "VALUE_UNREADABLE JSON": b'{"activity_id": "1"}',
        "VALUE_UNREADABLE cut off": good[:-10],
        "VALUE_UNREADABLE followed by more": good + b"\x00",
        "VALUE_UNREADABLE damaged": good[:5] + b"\xff" * 20 + good[25:],
        "SCHEMA_UNKNOWN": b"\x00\x7f\xff\xff\xf0" + good[5:],
    }


def in_a_pipe(wav: bytes) -> bytes:
    """The WAV as whoever writes into a pipe leaves it: its sizes are 0."""
    data = wav.index(b"data") + 4
    return wav[:4] + bytes(4) + wav[8:data] + bytes(4) + wav[data + 4 :]


@pytest.fixture(scope="module")
def outcomes(worker: WorkerProcess, topics: TestTopics, schema_id: int, clips: Path, registry_url: str) -> Outcomes:
    """Publish everything, then wait for as many outcomes."""
    good = value(activity(phrase()), schema_id)
    phrases = bad_phrases(clips)
    (clips / "a clip.wav").write_bytes(reading())
    (clips / "huge.wav").write_bytes(bytes(17 * 1024 * 1024))
    os.mkfifo(clips / "pipe.wav")
    (clips / "leads-out.wav").symlink_to("/etc/hostname")
    letters = {
        **bad_records(good),
        **hostile_records(registry_url, topics.activities),
        **{name: value(activity(*phrases), schema_id) for name, phrases in bad_activities(clips).items()},
        **{name: value(activity(bad), schema_id) for name, bad in phrases.items()},
        "ACTIVITY_INVALID no id": value(activity(phrase(), activity_id=""), schema_id),
        "LOCALE_UNSUPPORTED": value(replace(activity(phrase()), locale="de-DE"), schema_id),
    }
    several = [replace(bad, index=index) for index, bad in enumerate(phrases.values())]
    chained = b"".join(reading(container="OGG", share=part) for part in (slice(17_000), slice(17_000, None)))
    spoken, milo = behind(f"{clips.as_uri()}/a%20clip.wav"), behind(f"{clips.as_uri()}/milo.wav")
    (clips / "milo.wav").write_bytes(reading(share=slice(7_000)))
    results = {
        "good": good,
        "8 kHz": value(activity(phrase(inline(reading(rate=8_000)))), schema_id),
        "96 kHz": value(activity(phrase(inline(reading(rate=96_000)))), schema_id),
        "FLAC": value(activity(phrase(inline(reading(container="FLAC")))), schema_id),
        "OGG": value(activity(phrase(inline(reading(container="OGG", channels=2)))), schema_id),
        "chained OGG": value(activity(phrase(inline(chained))), schema_id),
        "WAV of unknown size": value(activity(phrase(inline(in_a_pipe(reading())))), schema_id),
        "file": value(activity(phrase(spoken)), schema_id),
        "500 phrases": value(activity(*(phrase(milo, "Milo", n) for n in range(500))), schema_id),
        "in part": value(activity(phrase(index=99), *several), schema_id),
    }
    published = {name: Record(CHILD.encode(), content, HEADERS) for name, content in {**letters, **results}.items()}
    published["null key"] = Record(None, b"junk", [])
    published["null key, good"] = Record(None, good, [])
    published["null key, tombstone"] = Record(None, None, HEADERS)
    published["null header"] = Record(b"\xff\x00", b"junk", [("x", None)])
    published["good again"] = Record(CHILD.encode(), good, HEADERS)
    places = topics.publish(published.values())
    return Outcomes(
        published,
        dict(zip(published, places, strict=True)),
        topics.read_letters(len(letters) + 3),
        [result(record.value or b"") for record in topics.read(topics.results, len(results) + 2)],
    )


BAD = sorted(
    [
        *bad_phrases(Path("/clips")),
        *bad_activities(Path("/clips")),
        *bad_records(bytes(30)),
        "ACTIVITY_INVALID no id",
        "LOCALE_UNSUPPORTED",
    ]
)
"""Every case that must become a dead letter."""


@hole("E")
@pytest.mark.parametrize("case", BAD)
def test_bad_input_becomes_a_dead_letter_byte_for_byte_with_its_code(outcomes: Outcomes, case: str) -> None:
    letter = outcomes.letter(case)
    record = outcomes.published[case]
    assert letter.error["code"] == case.split(" ")[0]
    assert letter.error["class"] == "poison"
    assert letter.error["message"]
    assert letter.record.key == record.key
    assert letter.record.value == record.value, "the value was changed"
    assert letter.record.headers[: len(record.headers)] == record.headers


HOSTILE = [
    *(
        f"SCHEMA_FOREIGN {case}"
        for case in (
            "primitive, a key's",
            "array",
            "union",
            "JSON Schema",
            "Protobuf",
            "ours, recursive",
            "ours, an array of null",
            "ours, 400 arrays",
        )
    ),
    *(f"SCHEMA_INVALID {case}" for case in ("recursive", "an array of null", "400 arrays")),
]


@hole("B1", "B2")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_schema_stops_nobody(outcomes: Outcomes, case: str) -> None:
    letter = outcomes.letter(case)
    assert letter.error["code"] == case.split(" ")[0]
    assert letter.record.value == outcomes.published[case].value


@pytest.mark.parametrize("case", ["null key", "null header", "null key, tombstone"])
def test_records_without_key_or_header_value_are_kept_as_they_are(outcomes: Outcomes, case: str) -> None:
    letter = outcomes.letter(case)
    record = outcomes.published[case]
    assert (letter.record.key, letter.record.value) == (record.key, record.value)
    assert letter.record.headers[: len(record.headers)] == record.headers


@pytest.mark.parametrize(
    "case",
    [
        "good",
        "8 kHz",
        "96 kHz",
        "FLAC",
        "OGG",
        "chained OGG",
        "WAV of unknown size",
        "file",
        "null key, good",
        "good again",
    ],
)
@hole("E")
def test_what_can_be_scored_is_scored(outcomes: Outcomes, case: str) -> None:
    scored = outcomes.result(case)
    (only,) = scored.phrases
    assert scored.status is ResultStatus.COMPLETE
    assert only.status is PhraseStatus.SCORED
    assert 2140 <= only.audio_ms <= 2180
    assert [word.text for word in only.words if word.text] == TEXT.rstrip(".").split()
    assert scored.timings.total_ms > 0


def test_500_phrases_are_scored_in_one_result(outcomes: Outcomes) -> None:
    scored = outcomes.result("500 phrases")
    assert [phrase.index for phrase in scored.phrases] == list(range(500))
    assert {phrase.status for phrase in scored.phrases} == {PhraseStatus.SCORED}


@hole("E")
def test_one_good_phrase_makes_a_partial_result_that_names_the_error_of_every_other(outcomes: Outcomes) -> None:
    scored = outcomes.result("in part")
    assert scored.status is ResultStatus.PARTIAL
    first, *others = scored.phrases
    assert (first.index, first.status) == (99, PhraseStatus.SCORED)
    names = list(bad_phrases(Path("/clips")))
    assert [phrase.error_code for phrase in others] == [name.split(" ")[0] for name in names]
    assert {phrase.status for phrase in others} == {PhraseStatus.FAILED}
    assert scored.audio_ms == first.audio_ms


def test_every_record_has_exactly_one_outcome(outcomes: Outcomes) -> None:
    places = [letter.source for letter in outcomes.letters]
    places += [(scored.source.partition, scored.source.offset) for scored in outcomes.results]
    published = [(place.partition, place.offset) for place in outcomes.places.values()]
    assert Counter(places) == Counter(published)


def test_the_metric_counts_every_dead_letter_by_its_code(worker: WorkerProcess, outcomes: Outcomes) -> None:
    by_code = Counter(letter.error["code"] for letter in outcomes.letters)
    counted = {code: worker.metric("streamproc_dead_letters_total", code=code) for code in by_code}
    assert counted == by_code
    assert worker.metric("streamproc_results_total", status="PARTIAL") == 1
    assert worker.metric("streamproc_in_flight") == 0


def test_the_log_names_every_dead_letter_by_its_code_and_place(worker: WorkerProcess, outcomes: Outcomes) -> None:
    records = [record for record in worker.log_records() if record["event"] == "dead letter"]
    logged = {(record["partition"], record["offset"]): record["code"] for record in records}
    for letter in outcomes.letters:
        assert logged[letter.source] == letter.error["code"]
    # Support finds the activity, where it was read, and not looked at anew for a result that Kafka refuses.
    assert all(record["activity_id"] for record in records if record["stage"] not in ("decode", "emit"))
    assert {record["stage"] for record in records} > {"decode", "emit"}


def test_no_log_line_is_worse_than_a_warning_or_holds_a_childs_data(worker: WorkerProcess, outcomes: Outcomes) -> None:
    assert outcomes.letters
    # What librdkafka calls an error is handled, and told, by the transport.
    ours = [record for record in worker.log_records() if record["logger"] != "librdkafka"]
    assert {record["level"] for record in ours} <= {"info", "warning"}
    text = worker.log_text()
    for secret in (CHILD, TEXT, "lantern", LONG_WORD, "banana", "🦊", "RIFF", "clip.wav", "Traceback"):
        assert secret not in text, f"{secret} is in the log"


def test_messages_hold_no_childs_data(outcomes: Outcomes) -> None:
    for letter in outcomes.letters:
        for secret in (CHILD, "lantern", LONG_WORD, "banana", "🦊", ".wav"):
            assert secret not in letter.error["message"]


@hole("D6")
def test_a_publisher_is_told_by_the_example(
    worker: WorkerProcess, outcomes: Outcomes, settings: dict[str, str]
) -> None:
    """The last test: its activity is one more letter."""
    assert outcomes.letters
    assert worker.is_alive
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("not scored: AUDIO_URI_REFUSED: ")
