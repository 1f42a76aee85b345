"""Transient failures: retried within the event's budget, then the intake closes; never a poison from a transient."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from streamproc.agents import retrying
from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries, RetryPolicy
from streamproc.errors import ErrorCode, Stage, StreamprocError

DOWN = StreamprocError(ErrorCode.AUDIO_STORE_UNAVAILABLE)
BUSY = StreamprocError(ErrorCode.INFERENCE_BUSY)
NOT_FOUND = StreamprocError(ErrorCode.AUDIO_NOT_FOUND)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same policy with waits of a few milliseconds."""
    monkeypatch.setattr(retrying, "POLICIES", dict.fromkeys(Stage, RetryPolicy(4, 0.001, 0.002)))
    monkeypatch.setattr(retrying, "PAUSED_FIRST_WAIT", 0.001)
    monkeypatch.setattr(retrying, "PAUSED_LONGEST_WAIT", 0.002)


def attempts(outcomes: Iterator[Exception | str]) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


class Journal:
    """What an intake reported."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, bool]] = []
        self.intake = Intake(lambda reason, closed: self.changes.append((reason, closed)))


@pytest.fixture
def journal() -> Journal:
    return Journal()


async def test_within_the_budget_only_the_event_waits(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    assert await retries.until_it_works(Stage.AUDIO, attempts(iter([DOWN, DOWN, "clip"]))) == "clip"
    assert retries.attempts == 3
    assert journal.changes == []


async def test_when_the_attempts_are_used_the_intake_closes_until_it_works(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    assert await retries.until_it_works(Stage.AUDIO, attempts(iter([DOWN] * 20 + ["clip"]))) == "clip"
    assert retries.attempts == 21
    assert journal.changes == [("AUDIO_STORE_UNAVAILABLE", True), ("AUDIO_STORE_UNAVAILABLE", False)]


async def test_when_the_budget_is_spent_the_intake_closes_at_the_first_failure(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    retries._began -= 61  # So much time has passed.
    assert await retries.until_it_works(Stage.AUDIO, attempts(iter([DOWN, "clip"]))) == "clip"
    assert len(journal.changes) == 2


@pytest.mark.parametrize("code", [ErrorCode.AUDIO_EMPTY, ErrorCode.AUDIO_NOT_FOUND, ErrorCode.MODEL_UNSUITABLE])
async def test_poison_and_fatal_failures_are_not_tried_again(journal: Journal, code: ErrorCode) -> None:
    retries = Retries(60, 0, journal.intake)
    with pytest.raises(StreamprocError) as caught:
        await retries.until_it_works(Stage.AUDIO, attempts(iter([StreamprocError(code), "clip"])))
    assert caught.value.code is code
    assert retries.attempts == 1


async def test_poison_ends_the_pause(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    with pytest.raises(StreamprocError):
        await retries.until_it_works(
            Stage.AUDIO, attempts(iter([DOWN] * 10 + [StreamprocError(ErrorCode.AUDIO_EMPTY)]))
        )
    assert journal.intake.reasons == []


async def test_a_server_that_is_full_holds_up_the_event_alone(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    assert await retries.until_it_works(Stage.INFERENCE, attempts(iter([BUSY] * 20 + ["logits"]))) == "logits"
    assert retries.attempts == 21
    assert journal.changes == []


async def test_a_server_that_is_full_and_then_fails_closes_the_intake_until_it_is_full_again(journal: Journal) -> None:
    retries = Retries(60, 0, journal.intake)
    outcomes: list[Exception | str] = [*[BUSY] * 10, *[DOWN] * 3, *[BUSY] * 3, DOWN, "logits"]
    assert await retries.until_it_works(Stage.INFERENCE, attempts(iter(outcomes))) == "logits"
    assert retries.attempts == len(outcomes)
    assert [closed for _, closed in journal.changes] == [True, False, True, False]
    assert journal.intake.reasons == []


async def test_an_object_may_come_late(journal: Journal) -> None:
    retries = Retries(60, 60, journal.intake)
    assert await retries.until_it_works(Stage.AUDIO, attempts(iter([NOT_FOUND, NOT_FOUND, "clip"]))) == "clip"


async def test_an_object_that_stays_away_is_poison_when_the_grace_is_over(journal: Journal) -> None:
    retries = Retries(60, 30, journal.intake)
    tried = 0

    async def attempt() -> str:
        nonlocal tried
        tried += 1
        if tried == 3:
            retries._began -= 31  # So much time passes.
        raise NOT_FOUND

    with pytest.raises(StreamprocError) as caught:
        await retries.until_it_works(Stage.AUDIO, attempt)
    assert caught.value.code is ErrorCode.AUDIO_NOT_FOUND
    assert (tried, retries.attempts) == (3, 3)
    assert journal.changes == [], "a missing object is no reason to pause"


async def test_a_bug_is_not_tried_again(journal: Journal) -> None:
    with pytest.raises(ZeroDivisionError):
        await Retries(60, 0, journal.intake).until_it_works(Stage.AUDIO, attempts(iter([ZeroDivisionError(), "clip"])))


async def test_the_intake_opens_when_the_last_reason_is_gone(journal: Journal) -> None:
    intake = journal.intake
    waiting = asyncio.create_task(intake.opened())
    with intake.closed("a"):
        with intake.closed("a"), intake.closed("b"):
            assert intake.reasons == ["a", "b"]
        assert intake.reasons == ["a"]
        blocked = asyncio.create_task(intake.opened())
        await asyncio.sleep(0)
        assert not blocked.done()
    await blocked
    await waiting
    assert journal.changes == [("a", True), ("b", True), ("b", False), ("a", False)]


async def waiting_event(journal: Journal, outcomes: Iterator[Exception | str]) -> str:
    """An event's work: its failing step is a task of its own, as a phrase's is."""
    retries = Retries(60, 0, journal.intake)
    with journal.intake.event():
        async with asyncio.TaskGroup() as group:
            step = group.create_task(retries.until_it_works(Stage.AUDIO, attempts(outcomes)))
        return step.result()


@pytest.mark.parametrize("failures", [1, 20], ids=["within the budget", "paused"])
async def test_a_stopping_worker_gives_up_what_waits(
    journal: Journal, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "POLICIES", dict.fromkeys(Stage, RetryPolicy(4, 60 if failures == 1 else 0.001, 60)))
    event = asyncio.create_task(waiting_event(journal, iter([DOWN] * 1_000_000)))
    while not (journal.intake._waiting if failures == 1 else journal.intake.reasons):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert journal.intake.stop() == 1
    with pytest.raises(asyncio.CancelledError):
        await event
    assert journal.intake.reasons == ["stopping"]


async def test_a_stopping_worker_tries_nothing_again_but_lets_finish_what_can(journal: Journal) -> None:
    assert journal.intake.stop() == 0
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(waiting_event(journal, iter([DOWN, "clip"])))
    assert await asyncio.create_task(waiting_event(journal, iter(["clip"]))) == "clip"


async def test_an_event_that_is_done_is_not_given_up(journal: Journal) -> None:
    # Its task goes on with other work: it must not be cancelled for this one.
    assert await waiting_event(journal, iter([DOWN, "clip"])) == "clip"
    assert journal.intake.stop() == 0
