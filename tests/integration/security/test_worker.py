"""The worker with the documented permissions and no others; and what it does when one of them is taken away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from support.activities import activity, clip, inline, phrase
from support.worker_process import WorkerProcess, run

from streamproc.client import Activity, ActivityPublisher, Receipt, ResultSubscriber
from streamproc.contracts.generated.events import SourcePosition
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import topics
from streamproc.localstack.security import make_authority

from .acls import Permission, documented
from .secured import ACTIVITIES, LETTERS, RESULTS, Secured

PERMISSIONS = [permission for permission in documented() if permission.user == "worker"]

Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(secured: Secured, triton_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers; those that still run at the test's end are ended."""
    started: list[WorkerProcess] = []

    def one(mechanism: str = "SCRAM-SHA-256", *, ready: bool = True) -> WorkerProcess:
        settings = {**secured.environment("worker", mechanism), "STREAMPROC_TRITON__URLS": triton_url}
        process = WorkerProcess(settings, tmp_path / f"worker-{len(started)}.log")
        started.append(process)
        if ready:
            process.wait_ready()
        return process

    yield one
    for process in started:
        process.end()
        secured.assert_silent(process.log_text())


def good() -> Activity:
    """An activity that becomes a result."""
    return activity(phrase(inline(clip(0.5))))


def bad() -> Activity:
    """An activity that becomes a dead letter: by its first bytes a WAV, so that a publisher lets it pass."""
    return activity(phrase(inline(b"RIFF\0\0\0\0WAVEno audio")))


def publish(secured: Secured, *activities: Activity, mechanism: str = "SCRAM-SHA-256") -> list[Receipt]:
    with ActivityPublisher(secured.connection("publisher", mechanism), source="/tests") as publisher:
        return [future.result(30) for future in [publisher.send(one) for one in activities]]


def wait_for_outcomes(secured: Secured, worker: WorkerProcess, wanted: dict[int, list[str]]) -> None:
    """Wait until each activity has its outcomes, and no others."""
    receipts = [Receipt(ACTIVITIES, 0, offset) for offset in wanted]
    worker.wait_for(lambda: secured.outcomes(receipts) == wanted, "the outcomes", 60)


@pytest.mark.parametrize(("mechanism", "topic", "event"), [("PLAIN", LETTERS, bad), ("SCRAM-SHA-256", RESULTS, good)])
def test_documented_permissions_suffice_and_without_one_on_a_topic_the_worker_stops_and_costs_no_event(
    secured: Secured, start: Start, mechanism: str, topic: str, event: Callable[[], Activity]
) -> None:
    worker = start(mechanism)
    published = publish(secured, *(good() for _ in range(20)), bad(), mechanism=mechanism)
    wanted = {receipt.offset: [RESULTS] for receipt in published[:-1]}
    places = {SourcePosition(topic=ACTIVITIES, partition=0, offset=offset) for offset in wanted}
    for result in (subscriber := ResultSubscriber(secured.connection("subscriber", mechanism), "my-service")):
        places.discard(result.source)
        if not places:
            subscriber.close()
    wait_for_outcomes(secured, worker, {**wanted, published[-1].offset: [LETTERS]})

    (permission,) = [one for one in PERMISSIONS if one.name == topic]
    with secured.without(permission):
        (refused,) = publish(secured, event())
        assert worker.wait(60) == 1
        (said,) = [one for one in worker.log_records() if one["event"].startswith("The worker stops")]
        assert topic in said["event"]
        assert "authorization failed" in said["event"]
        assert "Traceback" not in worker.log_text()
        assert secured.outcomes([refused]) == {refused.offset: []}
        assert secured.committed() <= refused.offset
    worker = start(mechanism)
    wait_for_outcomes(secured, worker, {refused.offset: [topic]})
    assert worker.terminate() == 0


def test_a_worker_without_its_transactional_id_stops_and_says_so(secured: Secured, start: Start) -> None:
    (permission,) = [one for one in PERMISSIONS if one.kind == "transactional id"]
    with secured.without(permission):
        worker = start(ready=False)
        assert worker.wait(60) == 1
    log = worker.log_text()
    assert "Transactional Id authorization failed" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    "permission", [one for one in PERMISSIONS if one.kind != "transactional id"], ids=Permission.__str__
)
def test_a_permission_that_is_missing_is_told_before_the_start(secured: Secured, permission: Permission) -> None:
    with secured.without(permission), secured.settings("worker") as tree, pytest.raises(StreamprocError) as caught:
        topics.check(tree)
    assert caught.value.code is ErrorCode.KAFKA_REFUSED
    assert f"{permission.operation} on {permission.kind} {permission.name}:" in caught.value.message
    assert "STREAMPROC_TRANSPORT__SASL_USERNAME" in caught.value.message


def test_the_group_is_not_looked_at_by_the_call_that_can_end_the_process(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka 4605: the admin client crashes when the answer comes after the request's time."""

    def crashes(*_: object, **__: object) -> None:
        raise AssertionError("describe_consumer_groups")

    monkeypatch.setattr(AdminClient, "describe_consumer_groups", crashes)
    with secured.settings("worker") as tree:
        topics.check(tree)


@pytest.fixture(scope="module")
def failures(
    secured: Secured, triton_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    """Start a worker with each wrong environment, two at once."""
    stranger = tmp_path_factory.mktemp("stranger") / "ca.pem"
    make_authority(stranger)
    no_pem = tmp_path_factory.mktemp("empty") / "ca.pem"
    no_pem.touch()
    wrong = {
        "wrong password, PLAIN": secured.environment("worker", "PLAIN", SASL_PASSWORD="guessed"),
        "wrong password, SCRAM": secured.environment("worker", SASL_PASSWORD="guessed"),
        "unknown authority": secured.environment("worker", CA_FILE=str(stranger)),
        "no authority": secured.environment("worker", CA_FILE=""),
        "authority is no PEM": secured.environment("worker", CA_FILE=str(no_pem)),
        "no password": secured.environment("worker", SASL_PASSWORD=""),
        "no permission": secured.environment("nobody"),
    }
    with ThreadPoolExecutor(2) as threads:
        runs = {
            name: threads.submit(run, {**one, "STREAMPROC_TRITON__URLS": triton_url}, "worker")
            for name, one in wrong.items()
        }
        return {name: one.result() for name, one in runs.items()}


@pytest.mark.parametrize(
    ("case", "code", "names"),
    [
        ("wrong password, PLAIN", "KAFKA_REFUSED", ["STREAMPROC_TRANSPORT__SASL_USERNAME", "__SASL_PASSWORD"]),
        ("wrong password, SCRAM", "KAFKA_REFUSED", ["STREAMPROC_TRANSPORT__SASL_USERNAME", "__SASL_PASSWORD"]),
        ("unknown authority", "KAFKA_REFUSED", ["__CA_FILE", "certificate verify failed"]),
        ("no authority", "KAFKA_REFUSED", ["__CA_FILE", "certificate verify failed"]),
        ("authority is no PEM", "SETTINGS_INVALID", ["STREAMPROC_TRANSPORT__CA_FILE", "ssl.ca.location"]),
        ("no password", "SETTINGS_INVALID", ["STREAMPROC_TRANSPORT__SASL_PASSWORD: is empty"]),
        ("no permission", "KAFKA_REFUSED", [f"Read on topic {ACTIVITIES}", f"Write on topic {LETTERS}"]),
    ],
)
def test_one_message_names_the_setting(
    secured: Secured, failures: dict[str, subprocess.CompletedProcess[str]], case: str, code: str, names: list[str]
) -> None:
    failed = failures[case]
    assert failed.returncode == 2, failed.stderr
    first, *rest = failed.stderr.splitlines()
    assert first == f"streamproc: {code}"
    assert len(rest) == 1, "one message"
    for name in names:
        assert name in rest[0]
    assert failed.stdout == ""
    assert "guessed" not in failed.stderr
    secured.assert_silent(failed.stderr)
