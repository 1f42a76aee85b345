"""``streamproc``, as a release that has a bug: readings of exactly BUG_MS of audio break it."""

from __future__ import annotations

import os
from pathlib import Path

from streamproc import cli
from streamproc.contracts.generated.events import Counts
from streamproc.scoring import fluency

BUG_MS = 777
QUOTED = "The quick brown fox"
"""What the exception says; nobody may repeat it."""

FIXED = "TEST_BUG_IS_FIXED"
"""The variable that names a file: where it is, the bug is mended."""

_right = fluency.words_correct_per_minute


def _wrong(counts: Counts, audio_ms: int) -> float | None:
    if audio_ms == BUG_MS and not Path(os.environ.get(FIXED, "")).is_file():
        raise ZeroDivisionError(QUOTED)
    return _right(counts, audio_ms)


if __name__ == "__main__":
    fluency.words_correct_per_minute = _wrong
    cli.main()
