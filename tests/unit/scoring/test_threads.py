"""What takes a processor is done in as many threads as there are cores, and after all else that the worker does."""

from __future__ import annotations

import contextvars
import os
import threading
from pathlib import Path

import pytest

from streamproc.scoring.threads import NICENESS, ScoringThreads, cores

AVAILABLE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        ("max 100000", AVAILABLE),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("150000 100000", min(2, AVAILABLE)),
        ("999900000 100000", AVAILABLE),
        ("something else", AVAILABLE),
    ],
)
def test_a_containers_limit_counts(limit: str, found: int, tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(f"{limit}\n")
    assert cores(quota) == found


def test_without_a_container_the_cores_that_it_may_run_on_count(tmp_path: Path) -> None:
    assert cores(tmp_path / "missing") == AVAILABLE


async def test_a_call_has_the_context_and_the_outcome_of_a_plain_one() -> None:
    threads, variable = ScoringThreads(2), contextvars.ContextVar("variable", default="")
    variable.set("of whoever awaits it")
    assert await threads.run(variable.get) == "of whoever awaits it"
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    threads.close()


async def test_they_stand_back_behind_the_event_loop() -> None:
    threads = ScoringThreads(1)
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    theirs = await threads.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert theirs == min(19, ours + NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == ours
    threads.close()
