"""What a program writes to a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence


def on_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int | None = None, errors: bool = True
) -> tuple[int, bytes]:
    """Run a command on a terminal of so many columns; its exit code, and all that it wrote, its errors too."""
    ours, theirs = pty.openpty()
    if columns is not None:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    stderr = theirs if errors else subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=stderr) as process:
        os.close(theirs)
        found = b""
        try:
            while some := os.read(ours, 65536):
                found += some
        except OSError:
            pass  # how Linux tells that the other end is closed
        os.close(ours)
        return process.wait(60), found
