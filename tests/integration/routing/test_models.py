"""Two workers and a real Triton with two models, steered by the commands: who scores whom, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from support.feeding import LiveFeed
from support.models_rig import BROKEN, CANDIDATE, SHIPPED, ModelsRig, wait_until
from support.result_judge import ResultJudge

from streamproc.contracts.generated.events import Result
from streamproc.localstack.stack import Addresses, LocalStack

SHARE = 0.3
EACH = 40
"""Activities of a step."""
RATE = 20
REPORT = {
    "recordings_sha256": "d" * 64, "clips": 100, "unscorable": 2, "words": 500,
    "false_alarms": 0.05, "detection": 0.60, "auc": 0.85, "phone_error_rate": 0.12,
}  # fmt: skip
"""What an evaluation says of a model."""


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Addresses:
    """Without the shared Triton: this module's has other models."""
    return local_stack.up(("kafka", "registry"))


@pytest.fixture(scope="module")
def rig(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelsRig]:
    with ModelsRig.opened(stack, tmp_path_factory.mktemp("models"), 2, (SHIPPED, CANDIDATE, BROKEN)) as rig:
        yield rig


@pytest.fixture(scope="module")
def outcomes(rig: ModelsRig) -> Iterator[ResultJudge]:
    outcomes = ResultJudge(rig.topics)
    yield outcomes
    outcomes.close()


def read(rig: ModelsRig, outcomes: ResultJudge, first: int) -> list[Result]:
    """Publish the next activities, and wait for their results."""
    numbers = range(first, first + EACH)
    with LiveFeed(rig.topics.bootstrap, rig.topics.activities, numbers, RATE, rig.record) as feed:
        feed.finish(30)
    outcomes.wait_for(first + EACH, 60)
    return [outcomes.results[number] for number in numbers]


def test_models_take_their_turns_and_every_reading_has_one_result(rig: ModelsRig, outcomes: ResultJudge) -> None:
    assert {one.model.name for one in read(rig, outcomes, 0)} == {SHIPPED}, "nobody has said anything yet"

    begun = rig.canary(CANDIDATE, SHARE)
    wait_until(lambda: rig.logged("a canary begins") == 2, "canary on both workers", 30, lambda: outcomes.read(0.1))
    split = read(rig, outcomes, EACH)
    assert not rig.misrouted(split, CANDIDATE, SHARE)
    assert {one.model.name for one in split} == {SHIPPED, CANDIDATE}

    # Another in its place, on both workers: it fails on every reading. The champion answers, and it is rolled back.
    rig.canary(BROKEN, 1.0)
    answered = read(rig, outcomes, 2 * EACH)
    assert {one.model.name for one in answered} <= {SHIPPED, CANDIDATE}
    wait_until(lambda: rig.done("status")["canary"] is None, "rollback by a worker", 30, lambda: outcomes.read(0.5))
    told = [one for one in rig.done("status")["changes"] if one["kind"] == "ROLLBACK"]
    # Both may prove it at the same moment: then the log has two, and the second is late.
    assert {one["fate"] for one in told} <= {"obeyed", "late"}
    told = [one for one in told if one["fate"] == "obeyed"]
    assert len(told) == 1
    assert told[0]["by"].startswith("worker ")
    assert "fails on" in told[0]["reason"]
    assert sum(rig.metric(each, "streamproc_canary_rollbacks_total", test="errors") for each in rig.workers) >= 1

    promoted = rig.done("promote", f"{CANDIDATE}/2", "--force")
    assert promoted["champion"] == {"name": CANDIDATE, "version": "2", "sha256": rig.sha256[CANDIDATE]}
    wait_until(lambda: rig.logged("another model is champion") == 2, "champion", 30, lambda: outcomes.read(0.1))
    assert {one.model.name for one in read(rig, outcomes, 3 * EACH)} == {CANDIDATE}

    rig.done("rollback", "--champion")
    wait_until(lambda: rig.all_at(promoted["revision"] + 1), "the old champion", 30, lambda: outcomes.read(0.1))
    assert {one.model.name for one in read(rig, outcomes, 4 * EACH)} <= {SHIPPED, CANDIDATE}
    assert not rig.misnamed(outcomes.results.values())
    assert set(outcomes.seen.values()) == {1}
    assert begun["canary"]["share"] == SHARE


def test_the_commands_tell_what_is_there_and_what_is_refused(rig: ModelsRig) -> None:
    listed = {row["name"]: row for row in rig.done("list")["models"]}
    assert {name: listed[name]["sha256"] for name in rig.sha256} == rig.sha256
    revision = rig.done("status")["revision"]
    for arguments, told in (
        (("canary", f"{CANDIDATE}/2", "--share", "101%"), "not 101 %"),
        (("canary", "nothing/1", "--share", "5%"), "nothing"),
        (("rollback",), "there is no canary"),
        (("promote",), "there is no canary"),
    ):
        refused = rig.models(*arguments)
        assert refused.returncode == 1, refused.stdout
        assert told in json.loads(refused.stdout.splitlines()[-1])["error"]["message"]
    assert rig.models("canary", CANDIDATE, "--share", "5%").returncode == 2, "NAME/VERSION is needed"
    assert rig.done("status")["revision"] == revision, "nothing of it is in the log"


def test_the_gate_refuses_a_champion_that_is_not_known_to_be_as_good(rig: ModelsRig, tmp_path: Path) -> None:
    before = rig.done("status")
    assert before["champion"] is None, "the configuration names it, and its report is asked for all the same"

    def promote(*more: str) -> tuple[int, str]:
        ended = rig.models("promote", f"{CANDIDATE}/2", "--reports", str(tmp_path), *more)
        answer = json.loads(ended.stdout.splitlines()[-1])
        return ended.returncode, answer["error"]["message"] if "error" in answer else answer["champion"]["name"]

    def report(model: str, **figures: float | str) -> None:
        written = {**REPORT, "model_sha256": rig.sha256[model], **figures}
        (tmp_path / f"{model}.json").write_text(json.dumps(written))

    def refused(told: str, *more: str) -> None:
        code, message = promote(*more)
        assert (code, told in message) == (1, True), message

    refused(f"the candidate {rig.sha256[CANDIDATE]} has no report")
    report(CANDIDATE)
    refused(f"the champion {rig.sha256[SHIPPED]} has no report")
    report(SHIPPED)
    (tmp_path / f"{CANDIDATE}.json").write_text('{"model_sha256": ')
    refused("no reports are candidate.json")
    report(CANDIDATE, model_sha256="f" * 64)
    refused("has no report")
    report(CANDIDATE, false_alarms=0.07)
    refused("false_alarms is 0.0700, the champion's 0.0500; it may be 0.01 worse")
    refused("cannot be read", "--reports", str(tmp_path / "nowhere"))
    assert rig.done("status")["revision"] == before["revision"], "nothing of it is in the log"

    assert rig.begin("promote", f"{CANDIDATE}/2", "--force", reason=None).wait(30) == 2, "the audit needs a reason"
    assert promote("--force") == (0, CANDIDATE)
    rig.done("rollback", "--champion")
    report(CANDIDATE, false_alarms=0.059)
    assert promote() == (0, CANDIDATE)
    rig.done("rollback", "--champion")
    forced = [one["forced"] for one in rig.done("status")["changes"] if one["offset"] > before["revision"]]
    assert forced == [True, False, False, False], "who overruled the gate is in the audit"


def test_settings_are_changed_while_workers_run(rig: ModelsRig) -> None:
    changed = rig.done("live", "--max-in-flight", "1", "--decode", "beam", "--max-audio-seconds", "5")
    assert changed["live"]["max_in_flight"] == 1
    wait_until(lambda: rig.all_at(changed["revision"]), "settings on both workers", 30, lambda: None)
    limits = [rig.metric(worker, "streamproc_endpoint_limit_seconds") for worker in rig.workers]
    assert all(0 < limit <= 5 for limit in limits)
    assert not any(rig.done("live")["live"].values())


def test_a_topic_that_grows_makes_each_worker_s_share_of_the_tests_smaller(
    rig: ModelsRig, outcomes: ResultJudge
) -> None:
    def shares() -> list[float]:
        return [rig.told(worker)["steered"]["canary"]["tested_share"] for worker in rig.workers]

    def tested(canary: float) -> None:
        begun = rig.canary(CANDIDATE, canary)["canary"]["id"]
        wait_until(lambda: rig.logged("a canary begins", begun) == 2, "canary", 30, lambda: outcomes.read(0.1))
        read(rig, outcomes, len(outcomes.seen))

    def held() -> list[int]:
        return [len(rig.told(worker)["partitions"]) for worker in rig.workers]

    tested(1.0)
    assert shares() == pytest.approx([0.5, 0.5])
    admin = AdminClient({"bootstrap.servers": rig.topics.bootstrap, "log_level": 0})
    admin.create_partitions([NewPartitions(rig.topics.activities, 6)])[rig.topics.activities].result(20)
    wait_until(lambda: held() == [3, 3], "the new partitions", 60, lambda: outcomes.read(0.5))
    tested(0.9)
    assert shares() == pytest.approx([0.5, 0.5]), "of six partitions, not of two"
    rig.done("rollback")
