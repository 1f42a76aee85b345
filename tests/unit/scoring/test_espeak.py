"""espeak-ng keeps its state in globals: a process has one of it, whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.holes import hole

from streamproc.scoring import espeak

THREADS = 8


@hole("E")
def test_threads_that_ask_at_once_start_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that start over the same globals know no voice: good readings with a name in them would be refused."""
    started: list[object] = []
    second = threading.Event()

    class Slow:
        def __init__(self) -> None:
            started.append(self)
            if len(started) > 1:
                second.set()
            # Long enough for another to start, if it may.
            second.wait(0.2)

    monkeypatch.setattr(espeak, "Espeak", Slow)
    espeak._engine.cache_clear()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            engines = set(pool.map(lambda _: espeak.engine(), range(THREADS)))
    finally:
        espeak._engine.cache_clear()
    assert len(started) == len(engines) == 1
