"""Waiting for what comes true in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 3
"""By which limits are multiplied: they say what a quiet machine needs at the most, and busy ones take longer. Waiting
ends when what is waited for comes, so only a failure takes longer for it."""


def wait_for(condition: Callable[[], Any], what: str, timeout: float) -> None:
    """Wait until the condition holds.

    Raises:
        AssertionError: it does not in time.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout * PATIENCE:g} s for {what}"
        time.sleep(0.02)
