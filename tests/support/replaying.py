"""``streamproc replay`` in a process of its own, which may be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streamproc.cli.replay import NICENESS
from support.worker_process import environment, streamproc


class Replay:
    """The command, started at once, its standard error at the end of ``log``.

    It stands back behind all else on its machine, unless ``hurried``: then it is started with as much more priority,
    which root alone may do.
    """

    def __init__(
        self, settings: Mapping[str, str], arguments: Sequence[str], log: Path, *, hurried: bool = False
    ) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*(["nice", "-n", f"-{NICENESS}"] if hurried else []), *streamproc("replay", *arguments)],
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # In a session of its own it would stand back by that, too.
                start_new_session=not hurried,
                process_group=0 if hurried else None,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as the kernel would."""
        if self.is_alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def log_text(self) -> str:
        """All that it has written."""
        return self._log.read_text()

    def end(self, seconds: float = 200) -> dict[str, Any]:
        """Wait for its end: what it says then."""
        told, _ = self._process.communicate(timeout=seconds)
        assert self._process.returncode == 0, told + self.log_text()[-4000:]
        said: dict[str, Any] = json.loads(told.splitlines()[-1])
        return said


@contextmanager
def replaying(settings: Mapping[str, str], arguments: Sequence[str], log: Path) -> Iterator[Replay]:
    """It is killed at the end of the block, if it still runs."""
    process = Replay(settings, arguments, log)
    try:
        yield process
    finally:
        process.kill()


def moment() -> str:
    """A time between what was published and what will be."""
    time.sleep(0.05)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(0.05)
    return now
