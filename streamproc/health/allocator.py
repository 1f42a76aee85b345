"""How the C library's allocator treats what is freed: kept for the next activity."""

from __future__ import annotations

import ctypes

# mallopt(3), <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

LARGEST_KEPT = 32 * 1024 * 1024
"""Bytes of the largest block that is kept when it is freed: glibc takes no more, and no request has more samples."""

KEPT = 64 * 1024 * 1024
"""Bytes at the end of the heap that are not given back to the system."""


def keep_freed_memory() -> bool:
    """Have freed blocks of up to LARGEST_KEPT used again, for the whole process. False: the allocator is not glibc's.

    A worker's blocks are large and short-lived: records, clips, requests. glibc gives their pages back and asks for
    them again, and each page that comes back is a page fault: a sixth of a worker's processor time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Each of them also ends that glibc finds thresholds of its own.
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT))
