"""What the dead letters' commands do before and after Kafka is asked."""

from __future__ import annotations

import getpass
import os
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, KafkaException
from support.holes import hole

from streamproc.cli import dlq
from streamproc.deadletter import doing
from streamproc.deadletter.doing import do_to_letters
from streamproc.deadletter.letters import Selection
from streamproc.deadletter.operation import LetterOperation
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings


@hole("F6")
@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no such user")])
def test_a_containers_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert dlq._who().startswith(f"uid-{os.getuid()}@")


@hole("F6")
def test_kafka_that_goes_away_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: LetterOperation) -> LetterOperation:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "Failed to initialize Producer ID"))

    monkeypatch.setattr(LetterOperation, "__init__", lambda *_: None)
    monkeypatch.setattr(LetterOperation, "__enter__", gone)
    nobody: Any = None
    monkeypatch.setattr(doing, "spans_of", lambda *_: [])
    with pytest.raises(StreamprocError, match="run the command again") as failed:
        do_to_letters(Settings(), nobody, Selection(), lambda _: None)
    assert failed.value.code is ErrorCode.KAFKA_UNAVAILABLE


@pytest.mark.parametrize(("more", "asked"), [([], False), (["--reason", "x"], True), (["--dry-run"], True)])
def test_a_discard_wants_a_reason_but_to_say_what_it_would_do(
    monkeypatch: pytest.MonkeyPatch, more: list[str], asked: bool
) -> None:
    opened = Mock(side_effect=StreamprocError(ErrorCode.KAFKA_UNAVAILABLE))
    monkeypatch.setattr(dlq, "_opened", opened)
    done = CliRunner().invoke(dlq.command, ["discard", "--code", "AUDIO_EMPTY", *more])
    assert opened.called is asked
    assert ("--reason" in done.output) is not asked
