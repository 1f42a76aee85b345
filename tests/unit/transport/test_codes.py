"""Kafka's error codes are classified in one place: every code that decides anything, and what it decides."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from streamproc.transport import codes, logs

SETS = {name: found for name, found in vars(codes).items() if isinstance(found, frozenset)}
#: By what a code is called in Kafka, or in librdkafka with an underscore: the sets that it belongs to.
TABLE = {
    "_AUTHENTICATION": "LOGIN HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "SASL_AUTHENTICATION_FAILED": "LOGIN HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "TOPIC_AUTHORIZATION_FAILED": "PERMISSION HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "GROUP_AUTHORIZATION_FAILED": "PERMISSION HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "CLUSTER_AUTHORIZATION_FAILED": "PERMISSION HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "PERMISSION HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "UNSUPPORTED_VERSION": "HOPELESS FATAL READER_ENDS MEMBER_ENDS",
    "UNKNOWN_TOPIC_OR_PART": "NO_TOPIC FATAL MEMBER_ENDS LEADERLESS",
    "_UNKNOWN_TOPIC": "NO_TOPIC FATAL MEMBER_ENDS",
    "TOPIC_EXCEPTION": "NO_TOPIC FATAL MEMBER_ENDS",
    "INVALID_TRANSACTION_TIMEOUT": "FATAL",
    "OFFSET_METADATA_TOO_LARGE": "FATAL",
    "MSG_SIZE_TOO_LARGE": "REFUSED_RECORD REFUSED",
    "INVALID_RECORD": "REFUSED_RECORD REFUSED",
    "INVALID_MSG": "REFUSED_RECORD REFUSED",
    "INVALID_TIMESTAMP": "REFUSED_RECORD REFUSED",
    "RECORD_LIST_TOO_LARGE": "REFUSED_RECORD REFUSED",
    "_UNKNOWN_PARTITION": "REFUSED_RECORD REFUSED LEADERLESS",
    "_INVALID_DIFFERENT_RECORD": "REFUSED",
    "_BAD_MSG": "UNREADABLE",
    "_BAD_COMPRESSION": "UNREADABLE",
    "_NOT_IMPLEMENTED": "UNREADABLE",
    "_TRANSPORT": "LINK_LOST LINK WAITED_IN_VAIN",
    "_ALL_BROKERS_DOWN": "LINK_LOST LINK",
    "_RESOLVE": "LINK",
    "_TIMED_OUT": "LINK WAITED_IN_VAIN",
    "_TIMED_OUT_QUEUE": "WAITED_IN_VAIN",
    "_MSG_TIMED_OUT": "WAITED_IN_VAIN",
    "NOT_LEADER_FOR_PARTITION": "LEADERLESS",
    "LEADER_NOT_AVAILABLE": "LEADERLESS",
    "ILLEGAL_GENERATION": "STALE",
    "UNKNOWN_MEMBER_ID": "STALE",
    "STALE_MEMBER_EPOCH": "STALE",
    "FENCED_MEMBER_EPOCH": "STALE",
    "REBALANCE_IN_PROGRESS": "STALE",
    "FENCED_INSTANCE_ID": "STALE MEMBER_ENDS",
    "_FATAL": "READER_ENDS MEMBER_ENDS CONSEQUENCE",
    "_PURGE_QUEUE": "CONSEQUENCE",
    "_FENCED": "FENCED_PRODUCER",
    "INVALID_PRODUCER_EPOCH": "FENCED_PRODUCER",
    "PRODUCER_FENCED": "FENCED_PRODUCER",
}
ROOT = Path(codes.__file__).parents[1]


@pytest.mark.parametrize("name", TABLE)
def test_what_a_code_means(name: str) -> None:
    code = getattr(KafkaError, name)
    assert {kind for kind, codes_of_it in SETS.items() if code in codes_of_it} == set(TABLE[name].split())


def test_no_code_is_left_out() -> None:
    assert set().union(*SETS.values()) == {getattr(KafkaError, name) for name in TABLE}


@pytest.mark.parametrize("kinds", [("FATAL", "REFUSED"), ("FATAL", "STALE"), ("FATAL", "LINK"), ("REFUSED", "STALE")])
def test_what_follows_from_a_code_is_not_two_things(kinds: tuple[str, str]) -> None:
    """A committer asks for these in turn."""
    one, other = kinds
    assert not SETS[one] & SETS[other]


def test_what_the_log_takes_for_routine_is_what_a_transaction_is_formed_anew_for() -> None:
    """That another has taken a static member's name is no routine."""
    stale = codes.STALE - {KafkaError.FENCED_INSTANCE_ID}
    assert {getattr(KafkaError, name) for name in logs._ROUTINE} == stale


def test_a_certificate_is_told_of_by_a_code_or_by_the_text_alone() -> None:
    assert codes.shuts_out(KafkaError(KafkaError._SSL))
    assert codes.shuts_out(KafkaError(KafkaError._TRANSPORT, "Receive failed: SSL alert number 116"))
    assert not codes.shuts_out(KafkaError(KafkaError._TRANSPORT, "Receive failed: Connection reset by peer"))
    assert not codes.concerns_certificate(KafkaError(KafkaError._AUTHENTICATION))


def test_nothing_else_classifies_codes() -> None:
    """A set of several codes elsewhere would be a second opinion."""
    found = []
    for path in ROOT.rglob("*.py"):
        if path == Path(codes.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Set | ast.Tuple | ast.List):
                named = [one for one in node.elts if ast.unparse(one).startswith("KafkaError.")]
                if len(named) > 1:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found
