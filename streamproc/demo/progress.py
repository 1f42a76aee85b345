"""How far a run is: a line for each step and, on a terminal, a bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from streamproc.terminal import safe


class Display:
    """Shows progress on ``console``; on something that is no terminal, only the lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """A line, with the seconds since the run began."""
        line = Text.assemble((f"{time.monotonic() - self._began:6.1f} s", "dim"), "  ", safe(text))
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Yield what takes the number that is done by now."""
        if not self._console.is_terminal:
            yield lambda done: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.update(task, completed=done)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show on a terminal that something is under way."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(what):
            yield
