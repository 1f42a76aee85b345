"""Folders and files for their owner alone: a stack's data hold recordings, texts and who read them."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

UMASK = 0o077
"""Of every process that writes there."""


def private_folder(folder: Path) -> None:
    """Make a folder that its owner alone may enter; from one that is there, and from all in it, others' rights are
    taken. Parents that are missing are made as the user's umask has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    _take_from_others(folder)
    for path in _below(folder):
        # What goes away meanwhile, a broker's log segment for one, needs no care.
        with contextlib.suppress(FileNotFoundError):
            _take_from_others(path)


def private_text(file: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    file.touch(mode=0o600)
    _take_from_others(file)
    file.write_text(text)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def _take_from_others(path: Path) -> None:
    mode = path.lstat().st_mode
    # A link's target may lie outside and have its own readers.
    if not stat.S_ISLNK(mode) and mode & UMASK:
        path.chmod(stat.S_IMODE(mode) & ~UMASK)
