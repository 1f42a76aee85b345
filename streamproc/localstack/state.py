"""What runs in a stack's folder, written down so that another command can find it, check it and end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from streamproc.localstack.errors import StackError
from streamproc.localstack.private import private_text
from streamproc.localstack.processes import ProcessRef

FILE = "stack.json"
ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class PartState:
    """A part that was started: where it serves, and its process (``started``: seconds since 1970)."""

    address: str
    pid: int
    started: float
    log: str

    @property
    def process(self) -> ProcessRef:
        """The process, with what tells it from another one of the same id."""
        return ProcessRef(self.pid, self.started)


def read(folder: Path) -> dict[str, PartState]:
    """The parts by name; none where there is no stack. Raises StackError for a file that is not ours."""
    file = folder / FILE
    try:
        return {name: PartState(**part) for name, part in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as broken:
        raise StackError(f"{file} is damaged ({broken}); end its processes by hand and remove it") from broken


def write(folder: Path, parts: dict[str, PartState]) -> None:
    """Replace what is written, at once: a reader sees the old state or the new one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = folder / f"{FILE}.new"
    private_text(scratch, json.dumps({name: asdict(part) for name, part in parts.items()}, indent=2) + "\n")
    scratch.replace(folder / FILE)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the stack in ``folder`` (made if missing), so that no other command starts or ends it meanwhile."""
    held = _hold(folder)
    try:
        yield
    finally:
        os.close(held)


def _hold(folder: Path) -> int:
    for _ in range(ATTEMPTS):
        if folder.exists() and not folder.is_dir():
            break
        # Whoever held the lock may have removed the folder in between: then that is the lock of nothing.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            # One that is there may be the user's own, ~/.local for one: then only what is ours in it is closed.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists() and os.path.samestat(os.fstat(held), folder.stat()):
                return held
            os.close(held)
    raise StackError(f"{folder} is not a folder and cannot be made one")
