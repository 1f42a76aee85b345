"""What every store of clips offers, and who is to blame when it fails: the store or the object."""

from __future__ import annotations

from typing import Protocol

from streamproc.errors import ErrorCode, StreamprocError

READ_SECONDS = 30.0
"""One attempt to read a clip, from the connection to the last byte: a body that drips ends here."""

PROBE_SECONDS = 5.0
"""A store that does not answer within this is not there."""

PROBE_NAME = "streamproc-probe"
"""An object that need not exist: "not found" is an answer too."""

BUSY = {408, 425, 429, 502, 503, 504}
"""HTTP statuses by which a server says that it cannot just now."""


class UnclearError(StreamprocError):
    """The store failed on an object: only a probe tells whose fault it is.

    Its code is the one for the object's fault: AUDIO_OBJECT_FAILED, or AUDIO_OBJECT_BUSY.
    """


class TooLargeError(Exception):
    """The clip has more bytes than were asked for."""


class ClipStore(Protocol):
    """The clips under one prefix. Each call is one attempt and takes a bounded time."""

    async def read(self, uri: str, most: int) -> bytes:
        """The bytes of the clip at ``uri``, which begins with the store's prefix; no more than ``most`` are held.

        Raises:
            TooLargeError: it has more.
            UnclearError: it failed, and a probe must tell whose fault it is.
            StreamprocError: the clip cannot be had.
        """

    async def answers(self) -> bool:
        """Whether the store serves anything: the last clip that it served, or that there is none."""

    async def close(self) -> None:
        """Close the connections."""


def check_status(status: int) -> None:
    """Sort an HTTP status of an answer to a GET.

    Raises:
        UnclearError, StreamprocError: it does not bring the object.
    """
    if status in (200, 203):
        return
    if status in (401, 403):
        raise StreamprocError(ErrorCode.AUDIO_FORBIDDEN)
    if status == 404:
        raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND)
    if status in BUSY:
        raise UnclearError(ErrorCode.AUDIO_OBJECT_BUSY, f"the object store failed: HTTP status {status}")
    if 300 <= status < 400:
        raise StreamprocError(
            ErrorCode.AUDIO_URI_REFUSED, f"the object store redirects to another address: HTTP status {status}"
        )
    if 400 <= status < 500:
        raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND, f"the object store refuses the URI: HTTP status {status}")
    if status < 300:
        # A part of the object, or none of it: nobody asked for that.
        raise StreamprocError(
            ErrorCode.AUDIO_OBJECT_FAILED, f"the object store answers without the object: HTTP status {status}"
        )
    raise UnclearError(ErrorCode.AUDIO_OBJECT_FAILED, f"the object store failed: HTTP status {status}")
