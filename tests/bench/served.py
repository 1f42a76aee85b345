"""A real Triton on a core of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.scene import other_core

from streamproc.localstack.triton import TritonPart


@contextmanager
def real_triton(folder: Path) -> Iterator[str]:
    """The address of a Triton with the model of this tree, alone on its core."""
    before = os.sched_getaffinity(0)
    part = TritonPart(folder)
    os.sched_setaffinity(0, {other_core()})
    try:
        part.start()
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield part.address
    finally:
        part.stop()
