"""Whole environments, planned without an account: what stands in every one of their resources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.terraform import FOLDER, Terraform

from .plans import PASSWORDS, example

ENVIRONMENTS = ("dev", "staging", "prod")

KEPT = (
    "aws_kms_key",
    "aws_s3_bucket",
    "aws_ecr_repository",
    "aws_msk_cluster",
    "aws_secretsmanager_secret",
    "kafka_topic",
)
"""What holds data or gives access to them: no plan may destroy these."""


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """One environment, with the values of its example."""
    return example(tree / "environments" / request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def planned(environment: Terraform) -> dict[str, Any]:
    """Address -> what the plan would make, or read."""
    plan = environment.plan()
    return {change["address"]: change for change in plan["resource_changes"]}


def of(planned: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Address -> values of all resources, or data, of a kind."""
    return {name: one["change"]["after"] for name, one in planned.items() if one["type"] == kind}


def scalars(value: Any) -> Iterator[Any]:
    """Every value within a value."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from scalars(one)
    else:
        yield value


def test_no_action_is_a_wildcard(planned: dict[str, Any]) -> None:
    documents = of(planned, "aws_iam_policy_document")
    assert len(documents) > 10
    for name, document in documents.items():
        for statement in document["statement"]:
            assert not statement.get("not_actions"), name
            assert not [action for action in statement["actions"] if "*" in action], name


def test_only_what_takes_no_resource_is_allowed_on_all(planned: dict[str, Any]) -> None:
    everywhere = {
        action
        for name, document in of(planned, "aws_iam_policy_document").items()
        if not re.search(r"\.(key|assume|ci_assume)\b", name)
        for statement in document["statement"]
        if statement.get("resources") == ["*"] and not statement.get("condition")
        for action in statement["actions"]
    }
    assert everywhere == {"ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint", "secretsmanager:GetRandomPassword"}


def test_no_policy_of_others_is_attached(planned: dict[str, Any]) -> None:
    attached = ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_user")
    assert not [name for name, one in planned.items() if one["type"] in attached]


def test_nothing_is_public(planned: dict[str, Any]) -> None:
    for name, one in planned.items():
        values = list(scalars(one["change"]["after"]))
        assert "0.0.0.0/0" not in values, name
        assert "::/0" not in values, name
        after = one["change"]["after"] or {}
        assert not after.get("publicly_accessible"), name
        assert after.get("acl") not in ("public-read", "public-read-write"), name
    kinds = {one["type"] for one in planned.values()}
    assert not kinds & {"aws_eip", "aws_internet_gateway", "aws_nat_gateway", "aws_lb", "aws_lambda_function_url"}


def test_every_alarm_of_the_code_is_there_and_tells_somebody(planned: dict[str, Any]) -> None:
    wanted = json.loads((FOLDER / "modules" / "topology" / "topology.json").read_text())["alarms"]
    alarms = {name: one for name, one in planned.items() if one["type"] == "aws_cloudwatch_metric_alarm"}
    assert {f'module.aws.aws_cloudwatch_metric_alarm.of_streamproc["{name}"]' for name in wanted} <= alarms.keys()
    for name, alarm in alarms.items():
        change = alarm["change"]
        assert change["after"].get("alarm_actions") or change["after_unknown"].get("alarm_actions"), name


def test_what_can_be_encrypted_is(planned: dict[str, Any]) -> None:
    keys = {
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_secretsmanager_secret": "kms_key_id",
        "aws_sns_topic": "kms_master_key_id",
        "aws_lambda_function": "kms_key_arn",
    }
    found = [(name, one) for name, one in planned.items() if one["type"] in keys]
    assert {one["type"] for _, one in found} == keys.keys()
    for name, one in found:
        change, key = one["change"], keys[one["type"]]
        assert change["after"].get(key) or change["after_unknown"].get(key), name


def test_no_password_is_in_the_plan(planned: dict[str, Any]) -> None:
    assert not [name for name, one in planned.items() if PASSWORDS["worker"] in json.dumps(one)]


@pytest.mark.parametrize("kind", KEPT)
def test_what_holds_data_cannot_be_destroyed(kind: str) -> None:
    blocks = [
        block
        for file in FOLDER.glob("modules/*/*.tf")
        for block in re.findall(rf'^resource "{kind}" .*?^}}', file.read_text(), re.MULTILINE | re.DOTALL)
    ]
    assert blocks
    assert all("prevent_destroy = true" in block for block in blocks)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_state_is_remote_encrypted_and_locked(name: str) -> None:
    for file in (FOLDER / "environments" / name).glob("**/versions.tf"):
        text = file.read_text()
        assert re.search(r'backend "s3" \{[^}]*encrypt +=+ true', text), file
        assert re.search(r"use_lockfile += true", text), file


def test_a_missing_secret_is_named(environment: Terraform) -> None:
    refusal = environment.refused('initial_passwords={worker="not-a-real-password"}')
    assert "initial_passwords: every user of the topology has one" in refusal
