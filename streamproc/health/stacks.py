"""Where every task of the event loop stands: the places alone, no values, which may be a child's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from types import FrameType
from typing import Any

MOST_STACKS = 50
"""Different stacks that are told; tasks that stand at the same place are counted."""
DEEPEST = 40


def all_task_stacks() -> str:
    """Of all tasks of the running event loop; empty where none runs."""
    try:
        return task_stacks(asyncio.all_tasks())
    except RuntimeError:
        return ""


def task_stacks(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """Each stack once, the most common first, with how many tasks stand there; the outermost call comes first."""
    counts = Counter(_stack(task.get_coro()) for task in tasks if not task.done())
    told = [f"{count} at\n{stack}" for stack, count in counts.most_common(MOST_STACKS)]
    if left_out := len(counts) - len(told):
        told.append(f"{left_out} more stacks")
    return "\n".join(told)


def _stack(awaited: Any) -> str:
    lines: list[str] = []
    while awaited is not None and len(lines) < DEEPEST:
        frame = _frame(awaited)
        if frame is not None:
            code = frame.f_code
            lines.append(f"  {code.co_filename}:{frame.f_lineno} {code.co_qualname}")
        following = next(
            (getattr(awaited, name) for name in ("cr_await", "gi_yieldfrom", "ag_await") if hasattr(awaited, name)),
            None,
        )
        if following is None and frame is not None:
            # Who drives a coroutine by hand, as the transport's `each` does, has it as `self._coroutine`.
            following = getattr(frame.f_locals.get("self"), "_coroutine", None)
        awaited = following
    return "\n".join(lines)


def _frame(awaited: Any) -> FrameType | None:
    found = (getattr(awaited, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
    return next((frame for frame in found if frame is not None), None)
