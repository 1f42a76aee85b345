"""Codes that need a failing dependency or a bug, each provoked in a real worker on a real Kafka.

Codes that an event alone provokes are in worker/test_bad_input.py, those of the start in worker/test_start.py.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support import faults
from support.activities import activity, behind, clip, phrase, result, value
from support.holes import hole
from support.object_store import ObjectStore, serving
from support.set_up import prepare
from support.topics_of_test import PARTITIONS, Letter, Record, TestTopics
from support.worker_process import WorkerProcess, run

from streamproc.contracts import files
from streamproc.contracts.generated.events import Activity, Audio, SourcePosition
from streamproc.contracts.wire import header
from streamproc.deadletter.envelope import FIELDS, PREFIX
from streamproc.errors import ErrorClass, ErrorCode

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS: list[tuple[str, bytes | None]] = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
BIG = 1 << 30
RSS_LIMIT = 700 << 20


@dataclass(frozen=True, slots=True)
class World:
    """A worker with a bug, and what it works with."""

    folder: Path
    topics: TestTopics
    store: ObjectStore
    settings: dict[str, str]
    schema_id: int
    worker: WorkerProcess
    triton_url: str

    def publish(self, event: Activity, key: str) -> SourcePosition:
        """Publish one activity."""
        (place,) = self.topics.publish([Record(key.encode(), value(event, self.schema_id), HEADERS)])
        return place

    def letters_of(self, place: SourcePosition, seconds: float) -> list[Record]:
        """The dead letters of an activity, waited for."""
        wanted = (b"%d" % place.partition, b"%d" % place.offset)

        def is_its(record: Record) -> bool:
            headers = dict(record.headers)
            return (headers[f"{PREFIX}source.partition"], headers[f"{PREFIX}source.offset"]) == wanted

        return self.topics.read(self.topics.letters, 1, seconds, is_its)

    def has_result(self, place: SourcePosition, seconds: float) -> bool:
        """Whether an activity has a result, waited for."""
        return bool(
            self.topics.read(
                self.topics.results, 1, seconds, lambda record: result(record.value or b"").source == place
            )
        )


@pytest.fixture(scope="module")
def world(kafka_bootstrap: str, registry_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    clips = folder / "clips"
    clips.mkdir()
    topics = TestTopics(kafka_bootstrap)
    with serving() as store, faults.failing_triton(folder) as triton:
        settings = faults.worker_settings(topics, registry_url, triton.address, store, clips)
        schema_id = prepare(settings, topics)
        with faults.running(settings, folder / "worker.log", bug=True) as worker:
            yield World(folder, topics, store, settings, schema_id, worker, triton.address)


def bad_audio(world: World) -> dict[str, Audio]:
    """Clips that cannot be scored, by a name that begins with the code they must get."""
    store, http = world.store, f"{world.store.address}/clips"
    store.status |= {"/clips/forbidden.wav": 403, "/clips/secret.wav": 401, "/clips/odd.wav": 400, "/clips/gone": 410}
    store.status |= {"/clips/broken.wav": 500, "/clips/part.wav": 206, "/clips/busy.wav": 503, "/clips/moved.wav": 302}
    store.objects["/clips/part.wav"] = clip()
    store.location["/clips/moved.wav"] = f"{store.address}/secret.wav"
    store.objects["/clips/huge.wav"] = b"RIFF"
    store.claims["/clips/huge.wav"] = BIG
    huge = world.folder / "clips" / "huge.wav"
    with huge.open("wb") as file:
        file.truncate(BIG)
    return {
        "AUDIO_NOT_FOUND 404": behind(f"{http}/nothing.wav"),
        "AUDIO_NOT_FOUND 400": behind(f"{http}/odd.wav"),
        "AUDIO_NOT_FOUND 410": behind(f"{http}/gone"),
        "AUDIO_FORBIDDEN 403": behind(f"{http}/forbidden.wav"),
        "AUDIO_FORBIDDEN 401": behind(f"{http}/secret.wav"),
        "AUDIO_OBJECT_FAILED 500": behind(f"{http}/broken.wav"),
        "AUDIO_OBJECT_FAILED 206": behind(f"{http}/part.wav"),
        "AUDIO_OBJECT_BUSY 503": behind(f"{http}/busy.wav"),
        "AUDIO_TOO_LARGE object of 1 GiB": behind(f"{http}/huge.wav"),
        "AUDIO_TOO_LARGE file of 1 GiB": behind(huge.as_uri()),
        "AUDIO_URI_REFUSED link-local": behind("http://169.254.169.254/latest/meta-data/iam/"),
        "AUDIO_URI_REFUSED link-local, IPv6": behind("http://[fd00:ec2::254]/latest/meta-data/"),
        "AUDIO_URI_REFUSED credentials": behind(f"http://{http.removeprefix('http://')}@169.254.169.254/x.wav"),
        "AUDIO_URI_REFUSED name": behind(f"{http}/a//b.wav"),
        "AUDIO_URI_REFUSED climbs": behind(f"{http}/../secret.wav"),
        "AUDIO_URI_REFUSED redirect": behind(f"{http}/moved.wav"),
        "INFERENCE_REFUSED": faults.marked(faults.REFUSED),
        "UNEXPECTED": faults.breaking(),
        "UNEXPECTED again": faults.breaking(),
    }


@pytest.fixture(scope="module")
def letters(world: World) -> dict[str, Letter]:
    """What became of every bad clip, and of a text without any known pronunciation."""
    events = {name: activity(phrase(audio)) for name, audio in bad_audio(world).items()}
    events["REFERENCE_MISSING"] = activity(phrase(text="漢字 ☃"))
    places = {name: world.publish(event, name) for name, event in events.items()}
    (places["SCHEMA_FOREIGN"],) = world.topics.publish([Record(None, header(result_schema_id(world)) + b"body", [])])
    found = {letter.source: letter for letter in world.topics.read_letters(len(places))}
    return {name: found[place.partition, place.offset] for name, place in places.items()}


def result_schema_id(world: World) -> int:
    """The id of a schema that is no activity's."""
    registered = run(world.settings, "schemas", "register", "--json")
    rows = json.loads(registered.stdout.splitlines()[-1])["schemas"]
    return next(int(row["id"]) for row in rows if row["subject"] == files.subject(world.topics.results))


CASES = [
    "SCHEMA_FOREIGN",
    "AUDIO_NOT_FOUND 404",
    "AUDIO_NOT_FOUND 400",
    "AUDIO_NOT_FOUND 410",
    "AUDIO_FORBIDDEN 403",
    "AUDIO_FORBIDDEN 401",
    "AUDIO_OBJECT_FAILED 500",
    "AUDIO_OBJECT_FAILED 206",
    "AUDIO_OBJECT_BUSY 503",
    "AUDIO_TOO_LARGE object of 1 GiB",
    "AUDIO_TOO_LARGE file of 1 GiB",
    "AUDIO_URI_REFUSED link-local",
    "AUDIO_URI_REFUSED link-local, IPv6",
    "AUDIO_URI_REFUSED credentials",
    "AUDIO_URI_REFUSED name",
    "AUDIO_URI_REFUSED climbs",
    "AUDIO_URI_REFUSED redirect",
    "INFERENCE_REFUSED",
    "UNEXPECTED",
    "REFERENCE_MISSING",
]


@pytest.mark.parametrize("case", CASES)
def test_it_becomes_a_letter_with_its_code_and_class(letters: dict[str, Letter], case: str) -> None:
    error = letters[case].error
    code = ErrorCode[case.split(" ")[0]]
    assert error["code"] == code.name
    assert error["stage"] == code.stage.value
    assert error["class"] == "poison"


def test_the_envelope_is_complete(letters: dict[str, Letter], world: World) -> None:
    error = letters["AUDIO_NOT_FOUND 404"].error
    others = {"worker.traceparent", "first", "first.result.topic"}  # it sends no spans; it is no duplicate
    assert set(error) == {field.name for field in FIELDS if not field.name.startswith("original.")} - others
    assert error["trace.id"] == TRACE
    assert error["tenant"] == "school-1"
    assert error["group"] == world.topics.name
    assert error["model.version"] == "phonemes/1"
    assert error["source.topic"] == world.topics.activities
    assert error["exception.type"] == "streamproc.errors.StreamprocError"
    assert int(error["attempts"]) > 1, "a missing object is awaited"
    assert error["first.time"] < error["last.time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["source.timestamp"])
    assert int(letters["INFERENCE_REFUSED"].error["attempts"]) == 1


def test_one_bug_has_one_fingerprint_and_quotes_nothing(letters: dict[str, Letter], world: World) -> None:
    bug, again = letters["UNEXPECTED"].error, letters["UNEXPECTED again"].error
    assert bug["fingerprint"] == again["fingerprint"]
    assert bug["exception.type"] == "builtins.ZeroDivisionError"
    assert "fox" not in bug["message"]
    assert "fox" not in world.worker.log_text()
    assert "worker_with_a_bug.py" in world.worker.log_text(), "the log has no stack"


def test_a_claim_check_of_a_gibibyte_costs_no_memory(letters: dict[str, Letter], world: World) -> None:
    assert letters
    children = psutil.Process(world.worker.pid).children(recursive=True)
    assert all(one.memory_info().rss < RSS_LIMIT for one in [psutil.Process(world.worker.pid), *children])


def test_nobody_asked_the_store_for_what_is_not_allowed(letters: dict[str, Letter], world: World) -> None:
    assert letters
    assert all(path.startswith("/clips/") for path in world.store.asked)


@hole("C4")
def test_an_object_that_fails_in_a_store_that_serves_others_pauses_nobody(
    letters: dict[str, Letter], world: World
) -> None:
    assert int(letters["AUDIO_OBJECT_FAILED 500"].error["attempts"]) > 1, "it may be late"
    assert [record["reason"] for record in world.worker.log_records() if "paused" in record["event"]] == []


def test_an_object_that_comes_late_is_scored(world: World) -> None:
    place = world.publish(activity(phrase(behind(f"{world.store.address}/clips/late.wav"))), "late")
    world.worker.wait_for(lambda: "/clips/late.wav" in world.store.asked, "the first question", 30)
    world.store.objects["/clips/late.wav"] = clip()
    assert world.has_result(place, 30)


def test_a_store_that_fails_pauses_the_worker_and_makes_no_letter(world: World) -> None:
    path = "/clips/unlucky.wav"
    world.store.down = 503
    world.store.objects[path] = clip()
    place = world.publish(activity(phrase(behind(world.store.address + path))), "unlucky")
    try:
        assert_waits(world, place, ErrorCode.AUDIO_STORE_UNAVAILABLE)
    finally:
        world.store.down = None
    assert world.has_result(place, 60)
    world.worker.wait_for(lambda: paused(world, ErrorCode.AUDIO_STORE_UNAVAILABLE) == 0, "the end of the pause", 30)


def test_sigterm_does_not_wait_for_events_that_wait_for_a_store(
    kafka_bootstrap: str, world: World, tmp_path: Path
) -> None:
    topics = TestTopics(kafka_bootstrap)
    settings = {**world.settings, **topics.settings, "STREAMPROC_TRANSPORT__STOP_TIMEOUT": "120"}
    schema_id = prepare(settings, topics)
    path = "/clips/unlucky-too.wav"
    world.store.down = 503
    world.store.objects[path] = clip()
    unlucky = value(activity(phrase(behind(world.store.address + path))), schema_id)
    places = topics.publish(Record(b"learner-%d" % index, unlucky, []) for index in range(20))
    with faults.running(settings, tmp_path / "stopped.log") as worker:
        worker.wait_for(
            lambda: worker.metric("streamproc_intake_paused", reason="AUDIO_STORE_UNAVAILABLE") == 1, "the pause", 30
        )
        assert worker.terminate(20) == 0
    world.store.down = None
    with faults.running(settings, tmp_path / "next.log"):
        records = topics.read(topics.results, len(places), 60)
    assert sorted(result(record.value or b"").source.offset for record in records) == sorted(p.offset for p in places)
    assert {result(record.value or b"").source for record in records} == set(places)
    assert topics.read(topics.letters, 1, 1) == []


def test_a_slow_triton_pauses_the_worker_and_makes_no_letter(world: World) -> None:
    slow = faults.slow_file(world.folder)
    slow.touch()
    place = world.publish(activity(phrase(faults.marked(faults.SLOW))), "slow")
    try:
        assert_waits(world, place, ErrorCode.INFERENCE_TIMEOUT)
    finally:
        slow.unlink()
    assert world.has_result(place, 60)


def assert_waits(world: World, place: SourcePosition, code: ErrorCode) -> None:
    """The worker pauses for this reason, and the activity gets no outcome."""
    assert code.error_class is ErrorClass.TRANSIENT
    world.worker.wait_for(lambda: paused(world, code) == 1, "the pause", 60)
    later = {world.publish(activity(phrase()), f"later-{index}") for index in range(4)}
    begun = world.topics.read(
        world.topics.results, len(later), 2, lambda record: result(record.value or b"").source in later
    )
    assert len(begun) <= 1, "but for the one that the agent held already, activities were begun in the pause"
    assert world.letters_of(place, 0.5) == []


def paused(world: World, code: ErrorCode) -> float:
    return world.worker.metric("streamproc_intake_paused", reason=code.name)


def test_a_model_of_something_else_is_refused_at_the_start(world: World) -> None:
    failed = run({**world.settings, "STREAMPROC_TRITON__MODEL": "unsuitable"}, "worker")
    assert failed.returncode == 2
    assert failed.stderr.startswith("streamproc: MODEL_UNSUITABLE")


def test_a_dead_letter_topic_that_refuses_stops_the_worker_and_nothing_is_dropped(
    kafka_bootstrap: str, world: World, tmp_path: Path
) -> None:
    topics = TestTopics(kafka_bootstrap)
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    small = NewTopic(topics.letters, PARTITIONS, config={"max.message.bytes": "100"})
    admin.create_topics([small])[topics.letters].result(10)
    settings = {**world.settings, **topics.settings}
    prepare(settings, topics)
    (place,) = topics.publish([Record(b"x", b"\x00" + bytes(5000), [])])
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        assert worker.wait(60) == 1
    finally:
        worker.kill()
    (fatal,) = [record for record in worker.log_records() if record.get("code") == "DEAD_LETTER_REFUSED"]
    assert "MSG_SIZE_TOO_LARGE" in fatal["reason"]
    assert topics.committed().get(place.partition, 0) <= place.offset


def test_the_quarantine_stops_a_bad_deploy_from_draining_the_topic(
    kafka_bootstrap: str, world: World, tmp_path: Path
) -> None:
    topics = TestTopics(kafka_bootstrap)
    settings = {**world.settings, **topics.settings, "STREAMPROC_WORKER__MAX_IN_FLIGHT": "4"}
    settings |= {"STREAMPROC_QUARANTINE__EVENTS": "20"}
    schema_id = prepare(settings, topics)
    bad = value(activity(phrase(faults.breaking())), schema_id)
    fixed = tmp_path / "fixed"
    topics.publish(Record(b"learner-%d" % index, bad, []) for index in range(100))
    with faults.running(settings, tmp_path / "worker.log", bug=True) as worker:
        worker.wait_for(lambda: worker.metric("streamproc_intake_paused", reason="quarantine") == 1, "quarantine", 60)
        time.sleep(1)
        drained = len(topics.read(topics.letters, 100, 2))
        assert 11 <= drained <= 11 + 4, "what was in flight ends, and no more"
        (said,) = [record for record in worker.log_records() if record["event"].startswith("quarantine")]
        assert said["fingerprint"]
        with pytest.raises(HTTPError, match="503") as unready:
            worker.page("/health/ready")
        said_of_it = json.load(unready.value)
        assert (said_of_it["status"], said_of_it["reasons"]) == ("paused", ["quarantine"])
    with faults.running(settings, tmp_path / "again.log", bug=True) as worker:
        worker.wait_for(lambda: worker.metric("streamproc_intake_paused", reason="quarantine") == 1, "quarantine", 60)
        time.sleep(1)
        first, drained = drained, len(topics.read(topics.letters, 100, 2))
        assert 11 <= drained - first <= 11 + 4, "restarted too early it makes as many letters again, and no more"
    fixed.touch()
    with faults.running({**settings, "TEST_BUG_IS_FIXED": str(fixed)}, tmp_path / "fixed.log", bug=True):
        assert len(topics.read(topics.results, 100 - drained, 60)) == 100 - drained


def test_every_code_is_provoked_somewhere() -> None:
    """The taxonomy and the tests that really provoke it: a new code without one fails here."""
    tests = Path(__file__).parents[1]
    text = "".join(path.read_text() for path in tests.rglob("*.py"))
    missing = [code.name for code in ErrorCode if not re.search(rf"\b{code.name}\b", text)]
    assert missing == []
