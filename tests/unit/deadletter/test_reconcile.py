"""The arithmetic of the reconciliation."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import (
    REPLAY_NAME,
    Headers,
    Source,
    WorkerIdentity,
    error_headers,
    failure_of,
)
from streamproc.deadletter.reconcile import Account, _source_of_letter, _source_of_result, account
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.places import OffsetRange, Place
from streamproc.kafka.runs import group_of_run
from streamproc.transport.flight.progress import Progress


def of(inputs: list[int], results: list[int], letters: list[int], finished: Progress) -> Account:
    arrays = [np.array(offsets, np.int64) for offsets in (inputs, results, letters)]
    return account(OffsetRange(3, 10, 20), arrays[0], arrays[1], arrays[2], finished)


def test_one_outcome_for_each_input_is_no_difference() -> None:
    found = of([10, 11, 13], [10, 13], [11], Progress.at(20))
    assert found == Account(3, 3, 2, 1, 0, (), (), ())
    assert found.difference == 0


def test_a_finished_input_without_an_outcome_is_missing_and_an_unfinished_one_is_pending() -> None:
    found = of([10, 11, 12, 13, 14], [10], [], Progress.of([12], 14))
    assert (found.missing, found.pending) == ((11, 13), 2)


def test_a_second_outcome_is_a_duplicate_be_it_a_result_or_a_letter() -> None:
    assert of([10, 11], [10, 10, 11], [], Progress.at(20)).duplicated == (10,)
    assert of([10, 11], [10, 11], [11], Progress.at(20)).duplicated == (11,)


def test_an_outcome_without_an_input_is_unknown() -> None:
    assert of([10], [10, 15], [16], Progress.at(20)).unknown == (15, 16)


def test_outcomes_of_inputs_before_and_after_the_window_do_not_count() -> None:
    found = of([10], [9, 10, 20], [8, 21], Progress.at(20))
    assert (found.results, found.letters, found.difference) == (1, 0, 0)


def test_what_a_replay_has_made_beside_a_worker_is_no_second_outcome() -> None:
    result: Headers = [("ce_id", b"activities/3/10")]
    assert _source_of_result(result) == Place("activities", 3, 10)
    assert _source_of_result([*result, (REPLAY_NAME, b"model-3")]) is None
    source = Source(SourcePosition(topic="activities", partition=3, offset=10), None, [])
    failure = failure_of(StreamprocError(ErrorCode.VALUE_UNREADABLE), 1, datetime.now(UTC), None)
    by_worker, by_replay = (
        error_headers(source, failure, WorkerIdentity(group, "phonemes/2"))
        for group in ("streamproc", group_of_run("streamproc", "model-3"))
    )
    assert _source_of_letter("streamproc")(by_worker) == source.position
    assert _source_of_letter("streamproc")(by_replay) is None


def test_nothing_is_no_difference() -> None:
    assert of([], [], [], Progress.at(0)).difference == 0
