"""What belongs to a child, and what is secret, leaves a worker in results and in a letter's original alone.

Strings that occur nowhere else are sent through a real worker in every field that may hold such a thing, on every way
that an event can take: scored, refused for each of several reasons, waiting for a store, met by a bug. Then they are
looked for in everything that the worker says: its log at DEBUG, what it writes as it is killed, metrics, spans, pages,
and the headers that it adds to results and dead letters.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.activities import activity, behind, clip, inline, phrase, value
from support.collector import collector, spans_of
from support.topics_of_test import Headers, Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.client import Connection, CorrectionPublisher
from streamproc.contracts.generated.events import Activity, Phrase, ReferenceWord
from streamproc.contracts.upkeep.examples import CORRECTION

CANARIES = {
    "the learner's pseudonym": "canary-learner-qzv",
    "the text": "canarytextqzv",
    "a phoneme": "CANARYPHONEMEQZV",
    "the audio": "canaryaudioqzv",
    "an address's path": "canarypathqzv",
    "an address's signature": "canarysignatureqzv",
    "an address's password": "canarypasswordqzv",
    "a record's key": "canarykeyqzv",
    "a header": "canaryheaderqzv",
    "baggage": "canarybaggageqzv",
    "a value that is no event": "canaryvalueqzv",
    "the registry's password": "canaryregistryqzv",
    "a token": "canarycollectorqzv",
    "the token of progress": "canaryprogresstokenqzv",
    "a teacher's pseudonym": "canaryteacherqzv",
}
PAGES = ("/metrics", "/health/live", "/health/ready", "/contracts", "/console/", "/console/api/overview", "/nothing")

BUG = """
from streamproc import cli
from streamproc.scoring import activity

right = activity.ActivityScorer._judge

def judge(self, works, *rest):
    if any(work.phrase.index == 13 for work in works):
        raise ZeroDivisionError(repr(works))
    return right(self, works, *rest)

activity.ActivityScorer._judge = judge
cli.main()
"""
"""``streamproc`` with a bug, whose exception quotes the whole event."""


def canary(what: str) -> str:
    return CANARIES[what]


def reading(*phrases: Phrase, name: str) -> Activity:
    given = activity(*phrases, activity_id=name, learner_id=canary("the learner's pseudonym"))
    return replace(given, passage_id="passage-1")


def spoken(seconds: float = 0.5) -> bytes:
    """A clip with a string behind its samples, where players look for titles."""
    title = canary("the audio").encode()
    return clip(seconds) + b"LIST" + (len(title) + 12).to_bytes(4, "little") + b"INFOINAM" + bytes(4) + title


def cases(clips: Path) -> dict[str, bytes | Activity]:
    """An event for each way."""
    text = f"the {canary('the text')} fox"
    word = ReferenceWord(text=canary("the text"), phonemes=("M", canary("a phoneme")))
    path, signature, password = (canary(f"an address's {part}") for part in ("path", "signature", "password"))
    query = f"?X-Amz-Signature={signature}"
    return {
        "scored": reading(phrase(inline(spoken()), text), name="scored"),
        "bug": reading(replace(phrase(inline(spoken()), text), index=13), name="bug"),
        "no audio": reading(phrase(inline(canary("the audio").encode()), text), name="no audio"),
        "cut off": reading(phrase(inline(clip(0.3)[:-2000] + canary("the audio").encode()), text), name="cut off"),
        "no phoneme": reading(replace(phrase(inline(spoken())), reference=(word,)), name="no phoneme"),
        "too long": reading(phrase(inline(spoken()), f"{text} " * 1_000), name="too long"),
        "not there": reading(phrase(behind(f"{clips.as_uri()}/{path}.wav"), text), name="not there"),
        "not ours": reading(phrase(behind(f"https://u:{password}@h/{path}{query}"), text), name="not ours"),
        "malformed": reading(phrase(behind(f"https://[{path}{query}"), text), name="malformed"),
        "no event": canary("a value that is no event").encode(),
        "no phrases": reading(name="no phrases"),
    }


@pytest.fixture(scope="module")
def settings(settings: dict[str, str], topics: TestTopics) -> dict[str, str]:
    """Everything is on that keeps something of a child's."""
    return {
        **settings,
        "STREAMPROC_DUPLICATES__WINDOW": "3600",
        "STREAMPROC_TRANSPORT__ASSIGNMENT": "range",
        "STREAMPROC_PROGRESS__ENABLED": "true",
        "STREAMPROC_PROGRESS__TOPIC": f"{topics.name}.progress",
        "STREAMPROC_PROGRESS__CORRECTIONS": "true",
        "STREAMPROC_PROGRESS__CORRECTION_TOPIC": f"{topics.name}.correction",
        "STREAMPROC_PROGRESS__TOKEN": canary("the token of progress"),
    }


def correct(settings: dict[str, str], topics: TestTopics) -> None:
    """A teacher overrules a word of a reading that is not kept, and somebody publishes nonsense."""
    connection = Connection(bootstrap_servers=topics.bootstrap, registry_url=settings["STREAMPROC_REGISTRY__URL"])
    correction = replace(
        CORRECTION,
        learner_id=canary("the learner's pseudonym"),
        word=canary("the text"),
        corrected_by=canary("a teacher's pseudonym"),
    )
    topic = settings["STREAMPROC_PROGRESS__CORRECTION_TOPIC"]
    with CorrectionPublisher(connection, source="/tests", topic=topic) as publisher:
        publisher.send(correction).result(30)
    topics.write(topic, [canary("a value that is no event").encode()])


def ask(worker: WorkerProcess, token: str, learner: str) -> str:
    """The answer to a question for a learner's progress."""
    request = Request(
        f"http://127.0.0.1:{worker.port}/progress",
        json.dumps({"tenant_id": "school-1", "learner_id": learner}).encode(),
        {"Authorization": f"Bearer {token}"},
    )
    try:
        with urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
    except HTTPError as error:
        body = error.read()
    return body.decode()


@dataclass(frozen=True)
class Said:
    """Everything that a worker has said, by where; and of how much."""

    places: dict[str, str]
    letters: int
    spans: int


@pytest.fixture(scope="module")
def said(
    settings: dict[str, str], topics: TestTopics, schema_id: int, clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Said:
    folder = tmp_path_factory.mktemp("canaries")
    program = folder / "with_a_bug.py"
    program.write_text(BUG)
    # What a store of clips that is down is asked for is asked for again: its address ends here.
    path, signature = canary("an address's path"), canary("an address's signature")
    store = f"http://127.0.0.1:9/{path}.wav?X-Amz-Signature={signature}"
    headers: Headers = [
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("authorization", f"Bearer {canary('a header')}".encode()),
        ("baggage", f"learner={canary('baggage')}".encode()),
    ]
    with collector(200, "traces") as (spans_to, spans), collector() as (metrics_to, metrics):
        worker = WorkerProcess(
            {
                **settings,
                "STREAMPROC_LOG__LEVEL": "DEBUG",
                "STREAMPROC_REGISTRY__USERNAME": "reader",
                "STREAMPROC_REGISTRY__PASSWORD": canary("the registry's password"),
                "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps([f"{clips.as_uri()}/", "http://127.0.0.1:9/"]),
                "STREAMPROC_SCORING__UNKNOWN_PHONEMES": "pass_over",
                "STREAMPROC_TRACING__ENDPOINT": spans_to,
                "STREAMPROC_TELEMETRY__OTLP_ENDPOINT": metrics_to,
                "STREAMPROC_TELEMETRY__OTLP_INTERVAL": "1",
                "STREAMPROC_QUARANTINE__PERCENT": "100",
                "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={canary('a token')}",
            },
            folder / "worker.log",
            (str(program),),
        )
        try:
            worker.wait_ready()
            events = cases(clips)
            key = canary("a record's key").encode()
            written = [one if isinstance(one, bytes) else value(one, schema_id) for one in events.values()]
            topics.publish([Record(key + b"-%d" % number, one, headers) for number, one in enumerate(written)])
            worker.wait_for(
                lambda: worker.metric("streamproc_transport_events_total") == len(events), "all outcomes", 60
            )
            topics.publish([Record(key + b"-0", written[0], headers)])  # once more: a duplicate
            correct(settings, topics)
            worker.wait_for(
                lambda: worker.metric("streamproc_transport_events_total") == len(events) + 3, "their outcomes", 60
            )
            token, learner = canary("the token of progress"), canary("the learner's pseudonym")
            assert learner in ask(worker, token, learner)
            answers = [ask(worker, "guessed", learner), ask(worker, token, f"{learner}-2")]
            progress = topics.read(f"{topics.name}.progress", 1)
            refused = topics.read(f"{topics.name}.correction.dlq", 1)
            waiting = value(reading(phrase(behind(store)), name="waiting"), schema_id)
            topics.publish([Record(key, waiting, headers)])
            worker.wait_for(lambda: "trying again" in worker.log_text(), "a failed attempt", 30)
            pages = {page: _page(worker, page) for page in PAGES}
            exposed = int(worker.metric("streamproc_dead_letters_total"))
            letters, results = topics.read_letters(exposed), topics.read(topics.results, len(events) + 1 - exposed)
            worker.wait_for(lambda: len(spans_of(spans)) > len(events), "spans", 30)
            # A crash: the stacks of all threads are written.
            worker.signal(signal.SIGALRM)
            worker.wait(30)
        finally:
            worker.kill()
    added = [(name, text) for letter in letters for name, text in letter.error.items()]
    return Said(
        {
            "the log": worker.log_text(),
            "spans": _text(spans),
            "metrics that are sent": _text(metrics),
            "dead letters' error headers": repr(added),
            "results' headers": repr([record.headers for record in results]),
            "progress' headers": repr([record.headers for record in progress]),
            "refused corrections' headers": repr([record.headers for record in refused]),
            "answers without progress": repr(answers),
            **pages,
        },
        len(letters),
        len(spans_of(spans)),
    )


def _text(bodies: list[bytes]) -> str:
    return b"".join(bodies).decode("latin-1")


def _page(worker: WorkerProcess, page: str) -> str:
    try:
        return worker.page(page)
    except HTTPError as error:
        return error.read().decode()


def test_the_worker_has_said_something_of_everything(said: Said) -> None:
    assert said.letters >= 7
    assert said.spans > 30
    log = said.places["the log"]
    for word in (
        "UNEXPECTED",
        "trying again",
        "AUDIO_NOT_FOUND",
        "VALUE_UNREADABLE",
        "DUPLICATE_ACTIVITY",
        "correction read",
        "correction refused",
        "progress is asked for",
        "progress is refused",
        "passed over",
        '"debug"',
        "Thread 0x",
    ):
        assert word in log, word
    assert "streamproc_dead_letters" in said.places["metrics that are sent"]
    assert "UNEXPECTED" in said.places["dead letters' error headers"]
    assert "dead_letter" in said.places["spans"]


@pytest.mark.parametrize("what", CANARIES)
def test_nothing_that_it_says_holds(what: str, said: Said) -> None:
    secret = CANARIES[what].lower()
    assert not [place for place, text in said.places.items() if secret in text.lower()]
