"""How far `streamproc replay` is: on a terminal a bar, elsewhere a line now and then; it ends the worker at the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamproc import terminal
from streamproc.agents.backfill import Backfill
from streamproc.errors import StreamprocError
from streamproc.kafka.history import History, left
from streamproc.settings import Settings
from streamproc.terminal import safe

_LOOK_S = 2.0
"""Seconds between two looks at what is left."""

_TELL_S = 10.0
"""Seconds between two lines, where there is no terminal for a bar."""


def say(text: str) -> None:
    """A line for people."""
    click.echo(safe(text), err=True)


class ReplayWatch(threading.Thread):
    """Looks what is left, tells it, and ends the worker when that is nothing."""

    def __init__(self, tree: Settings, part: History, backfill: Backfill) -> None:
        super().__init__(name="replay", daemon=True)
        self._tree = tree
        self._part = part
        self._begun = backfill.begun
        self._stopped = threading.Event()
        console = terminal.console(sys.stderr)
        columns = (TextColumn("at work"), BarColumn(), TextColumn("{task.fields[left]} left"), TimeRemainingColumn())
        # None of rich's off a terminal: even one that is disabled writes a line there.
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._drawing = threading.Lock()
        self.done = threading.Event()
        self.left = part.size

    def stop(self) -> None:
        """Tell nothing any more, and leave the terminal as it was: what is drawn later would be over what is said."""
        with self._drawing:
            self._stopped.set()
            if self._bar is not None:
                self._bar.stop()

    def look(self) -> bool:
        """Whether nothing is left."""
        self.left = left(self._tree, self._tree.kafka.group_id, self._part)
        if not self.left:
            self.done.set()
        return self.done.is_set()

    def run(self) -> None:
        """Until nothing is left, or ``stop``."""
        self._begun.wait()
        told = began = time.monotonic()
        size = self.left
        with self._drawing:
            if self._stopped.is_set():
                return
            if self._bar is not None:
                self._bar.add_task("at work", total=size, left=f"{size:,}")
                self._bar.start()
        while not self._stopped.wait(_LOOK_S):
            try:
                if self.look():
                    # What a supervisor would do: it drains and leaves its group.
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except StreamprocError as error:
                if not self._stopped.is_set():
                    say(f"what is left is not known now: {error.message}")
                continue
            now = time.monotonic()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=size - self.left, left=f"{self.left:,}")
            elif now - told > _TELL_S:
                told, speed = now, (size - self.left) / (now - began)
                say(f"{self.left:,} left" + (f", about {_spoken(self.left / speed)}" if speed else ""))


def _spoken(seconds: float) -> str:
    """So long, as hours, minutes and seconds: 1:02:30."""
    return str(timedelta(seconds=round(seconds)))
