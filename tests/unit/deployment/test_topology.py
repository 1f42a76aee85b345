"""What Terraform's modules read is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.contracts import files
from streamproc.deployment.topology import document, topology
from streamproc.kafka import topics
from streamproc.settings import KafkaSettings

FILE = Path(__file__).parents[3] / "terraform" / "modules" / "topology" / "topology.json"
DAY_MS = 24 * 3600 * 1000


def test_the_modules_file_is_the_code_s() -> None:
    assert FILE.read_text("utf-8") == document(), "python -m streamproc.deployment.topology > " + str(FILE)


def test_the_environment_of_whoever_writes_the_file_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__GROUP_ID", "mine")
    monkeypatch.setenv("STREAMPROC_PROGRESS__TOPIC", "my.progress")
    assert FILE.read_text("utf-8") == document()


def test_every_topic_that_is_created_is_there_with_the_same_settings() -> None:
    there = topology()["topics"]
    for name, config in topics.configurations(KafkaSettings(result_majors=(1, 2))).items():
        assert there[name]["config"] == config


def test_contracts_say_how_long_their_topics_keep_events() -> None:
    there = topology()["topics"]
    for contract in files.contracts():
        config = there[contract.topic]["config"]
        if contract.retention == files.FOR_EVER:
            assert config == {"cleanup.policy": "compact"}
        else:
            assert config["retention.ms"] == str(contract.retention_days * DAY_MS)


def test_compacted_topics_have_one_partition_wherever_they_are_made() -> None:
    kafka = KafkaSettings()
    alone = {name for name, topic in topology()["topics"].items() if topic["partitions"] == 1 and not topic["role"]}
    assert alone == {kafka.control_topic, topics.ledger_topic(kafka.dead_letter_topic)}


def test_a_new_major_of_results_has_the_first_one_s_permissions() -> None:
    found = {
        (acl["role"], acl["operation"], acl["resource_name"])
        for acl in topology()["permissions"]
        if acl["resource_name"].startswith("reading.result.")
    }
    assert {(role, operation, "reading.result.v2") for role, operation, _ in found} <= found


def test_a_registry_reads_all_that_it_ever_wrote_in_one_order() -> None:
    journal = topology()["topics"]["schema-registry.journal"]
    assert journal["partitions"] == 1
    assert journal["config"] == {"cleanup.policy": "delete", "retention.bytes": "-1", "retention.ms": "-1"}


def test_a_registry_touches_its_own_topics_and_groups_alone() -> None:
    found = [acl for acl in topology()["permissions"] if acl["role"] == "registry"]
    assert {acl["operation"] for acl in found} == {"Read", "Write"}
    assert all(acl["resource_name"].startswith("schema-registry") for acl in found)


def test_a_registry_s_topics_are_made_for_no_other_user() -> None:
    there = topology()["topics"]
    assert {name for name, topic in there.items() if topic["role"] == "registry"} == {
        name for name in there if name.startswith("schema-registry.")
    }
