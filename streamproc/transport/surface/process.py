"""What a worker changes of the whole process, beside the app that it runs, where ``tune_gc`` asks for it."""

from __future__ import annotations

import gc

_YOUNG = 50_000


def collect_less() -> None:
    """Let Python's collector of cycles look less often at what is in flight.

    Tens of thousands of events are alive at a time and none of them in a cycle; with the collector's usual thresholds
    a worker spent a fifth of its time looking at them, and at what its imports left behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(max(gc.get_threshold()[0], _YOUNG), 20, 100)
