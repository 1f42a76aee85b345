"""``streamproc dlq`` and ``reconcile`` over TLS, with the documented permissions and without each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka import Producer
from support.letter_topics import letter

from streamproc.errors import ErrorCode, StreamprocError

from .acls import Permission, documented
from .secured import ACTIVITIES, LETTERS, RESULTS, Secured

LEDGER, PARKED, AUDIT = f"{LETTERS}.ledger", f"{LETTERS}.parked", f"{LETTERS}.audit"
CONTROL = "streamproc.control.v1"
PERMISSIONS = [permission for permission in documented() if permission.user == "operator"]


def write_letter(secured: Secured) -> str:
    """Write a dead letter; its position."""
    one = letter(0, topic=ACTIVITIES)
    producer = Producer({"bootstrap.servers": secured.part.address})
    written = []
    headers: Any = one.headers
    producer.produce(
        LETTERS, one.value, one.key, headers=headers, on_delivery=lambda error, message: written.append(message)
    )
    assert producer.flush(30) == 0
    return f"0:{written[0].offset()}"


def test_an_operator_lists_shows_replays_parks_and_discards(secured: Secured) -> None:
    first, second, third = (write_letter(secured) for _ in range(3))

    def run(*arguments: str) -> Any:
        result = secured.command("operator", *arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    before = len(secured.read(ACTIVITIES))
    assert len(run("dlq", "list", "--offset", first)["letters"]) == 1
    assert run("dlq", "show", first)["key"] == "learner"
    assert run("dlq", "replay", "--offset", first)["replayed"] == 1
    assert run("dlq", "replay", "--offset", first)["replayed"] == 0, "it is replayed already"
    assert run("dlq", "replay", "--offset", second, "--max-replays", "0")["parked"] == 1
    assert run("dlq", "discard", "--offset", third, "--reason", "a test")["discarded"] == 1
    assert len(secured.read(ACTIVITIES)) == before + 1
    assert len(secured.read(PARKED)) == 1
    assert len(secured.read(AUDIT)) == 1
    # The letters of this test name no activity, so that there is a difference.
    result = secured.command("operator", "reconcile", "--json")
    assert json.loads(result.stdout)["partitions"][0]["letters"] >= 3


@pytest.mark.parametrize(
    "permission", [one for one in documented() if one.user == "administrator"], ids=Permission.__str__
)
def test_an_administrator_creates_topics(secured: Secured, permission: Permission) -> None:
    done = secured.command("administrator", "topics", "create")
    assert done.exit_code == 0, done.output
    with secured.without(permission):
        error = secured.command("administrator", "topics", "create").exception
    assert isinstance(error, StreamprocError)
    assert error.code is ErrorCode.KAFKA_REFUSED
    assert "uthorization failed" in error.message


NEEDED_BY = {
    ("topic", LETTERS, "Read"): ("dlq", "list"),
    ("topic", LEDGER, "Read"): ("dlq", "list"),
    ("topic", LEDGER, "Write"): ("dlq", "replay"),
    ("topic", ACTIVITIES, "Read"): ("reconcile",),
    ("topic", ACTIVITIES, "Write"): ("dlq", "replay"),
    ("topic", PARKED, "Write"): ("dlq", "replay", "--max-replays", "0"),
    ("topic", AUDIT, "Write"): ("dlq", "discard", "--since", "2000-01-01", "--reason", "a test"),
    ("topic", RESULTS, "Read"): ("reconcile",),
    ("topic", CONTROL, "Read"): ("models", "status"),
    ("topic", CONTROL, "Write"): ("models", "live", "--reason", "a test"),
    ("group", "streamproc", "Describe"): ("reconcile",),
    ("transactional id", f"streamproc-dlq-{LETTERS}", "Write"): ("dlq", "replay"),
}


@pytest.mark.parametrize("permission", PERMISSIONS, ids=Permission.__str__)
def test_a_command_without_its_permission_says_so_and_does_nothing(secured: Secured, permission: Permission) -> None:
    position = write_letter(secured)
    command = NEEDED_BY[permission.kind, permission.name, permission.operation]
    with secured.without(permission):
        result = secured.command("operator", *command)
    error = result.exception
    if isinstance(error, StreamprocError):
        assert error.code is ErrorCode.KAFKA_REFUSED
        said = error.message
    else:
        # Kafka refuses a letter and no more: it stays open.
        assert result.exit_code == 1, result.output
        said = result.output
    assert "uthorization failed" in said
    found = secured.command("operator", "dlq", "list", "--offset", position, "--json")
    assert [one["position"] for one in json.loads(found.stdout)["letters"]] == [position]
