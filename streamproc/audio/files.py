"""Clips in a folder of this machine: nothing outside it is read, whoever moves its files about meanwhile."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from streamproc.audio.stores import PROBE_SECONDS, READ_SECONDS, TooLargeError, UnclearError
from streamproc.audio.threads import in_daemon_thread
from streamproc.contracts.uris import segments
from streamproc.errors import ErrorCode, StreamprocError

_NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _NO_LINK | os.O_DIRECTORY
_FILE = _NO_LINK | os.O_NONBLOCK | os.O_NOCTTY
"""Opening a pipe that nobody writes to would wait for ever: O_NONBLOCK."""


class FileClips:
    """Reads clips below a folder.

    Args:
        prefix: the folder as a file:// URI, ending in '/'.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._folder = Path(unquote(urlsplit(prefix).path))

    async def read(self, uri: str, most: int) -> bytes:
        """See ClipStore."""
        try:
            parts = segments(uri.removeprefix(self._prefix).split("?")[0].split("#")[0])
        except ValueError:
            raise StreamprocError(
                ErrorCode.AUDIO_URI_REFUSED, "the URI names no object under the allowed prefix"
            ) from None
        try:
            async with asyncio.timeout(READ_SECONDS):
                encoded = await in_daemon_thread(lambda: self._read(parts, most))
        except TimeoutError:
            raise UnclearError(ErrorCode.AUDIO_OBJECT_BUSY, "the file system does not answer") from None
        except (FileNotFoundError, NotADirectoryError):
            raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND) from None
        except (OSError, ValueError, RuntimeError) as error:
            # A loop of links, a name that is too long, no permission: the event's fault as far as this worker can tell.
            raise StreamprocError(
                ErrorCode.AUDIO_NOT_FOUND, f"the file cannot be read: {type(error).__name__}"
            ) from None
        if len(encoded) > most:
            raise TooLargeError
        return encoded

    async def answers(self) -> bool:
        """See ClipStore."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await in_daemon_thread(lambda: any(self._folder.iterdir()))
        except OSError:
            return False
        return True

    async def close(self) -> None:
        """Nothing is kept open."""

    def _read(self, parts: list[str], most: int) -> bytes:
        """The file's bytes; one more than ``most``, where it has them."""
        folder = self._folder.resolve()
        # After following every symbolic link, the file itself must lie in the folder. Asked first: whether a file
        # outside it exists is nobody's business.
        path = folder.joinpath(*parts).resolve()
        if not path.is_relative_to(folder):
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the file lies outside the allowed folder")
        # That path has no links. A link that is swapped in after the check is not followed, at any step.
        descriptor = _open_below(folder, path.relative_to(folder).parts)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND, "the URI names no regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(most + 1)
        finally:
            os.close(descriptor)


def _open_below(folder: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of the file at ``parts`` below ``folder``, found without following a symbolic link.

    The folder's own path is the operator's, and trusted. Linux's openat2 with RESOLVE_NO_SYMLINKS does the same in one
    call; container runtimes of some age forbid it, and other systems lack it.

    Raises:
        OSError: it cannot be opened; ELOOP or ENOTDIR where a part is a link.
    """
    if not parts:
        raise IsADirectoryError
    here = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)
