"""``streamproc``, as one release of several: the same code with a version of its own, and if need be a fault.

It stands in for two builds of different sources. The fault is one that no test of a build finds and every user does:
each activity takes SLOWER_S longer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import streamproc

VERSION = "DRILL_RELEASE"
SLOWER_S = "DRILL_RELEASE_IS_SLOWER_BY"


def main() -> None:
    """Run the command line as this release."""
    streamproc.__version__ = os.environ[VERSION]
    from streamproc import cli
    from streamproc.scoring.loading import PhraseLoader, PhraseWork

    seconds = float(os.environ.get(SLOWER_S, "0"))
    right = PhraseLoader.load

    async def slow(self: PhraseLoader, *given: Any) -> Sequence[PhraseWork]:
        await asyncio.sleep(seconds)
        return await right(self, *given)

    if seconds:
        PhraseLoader.load = slow  # type: ignore[method-assign, assignment]
    cli.main()


if __name__ == "__main__":
    main()
