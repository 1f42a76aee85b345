"""What results say, read from their records in a thread of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.generated.events import Result
from streamproc.contracts.majors import V1, Major, caster
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.settings import Settings
from streamproc.web.console.aside import Aside
from streamproc.web.console.outcomes import KeptResult
from streamproc.web.console.results import summary_of

_AGAIN_S = 10.0
"""After the registry has failed, it is left alone for so long."""


class ResultDigest:
    """Reads results as version 1, whichever major version they were published as.

    Args:
        settings: where the registry is.
        topic: where the results are.
        major: their major version.
    """

    def __init__(self, settings: Settings, topic: str, major: Major[Any]) -> None:
        self._settings = settings
        self._topic = topic
        self._major = major
        self._cast: Callable[[Any], Result] = caster(major, V1)
        self._aside = Aside("console-results")
        self._runner: asyncio.Runner | None = None
        self._decoder: ResultDecoder[Any] | None = None
        self._not_before = float("-inf")
        self.problem = ""
        """Why results are not read for now; empty: they are."""

    async def read(self, unread: Sequence[KeptResult]) -> None:
        """Look into results and fill in what is found, a result that nobody can read included."""
        if time.monotonic() >= self._not_before:
            await self._aside.do(lambda: self._read(unread))

    async def result(self, value: bytes | None) -> Result:
        """One result in full.

        Raises:
            StreamprocError: as ``Decoder.decode``.
            Busy: too much is asked for.
        """
        return await self._aside.do(lambda: self._decode(value))

    def close(self) -> None:
        """Let the registry go."""
        self._aside.put(self._close)
        self._aside.close()

    def _read(self, unread: Sequence[KeptResult]) -> None:
        for kept in unread:
            try:
                result = self._decode(kept.value)
            except StreamprocError as error:
                if error.code.error_class is ErrorClass.TRANSIENT:
                    self.problem, self._not_before = error.message, time.monotonic() + _AGAIN_S
                    return
                kept.summary = {"unreadable": f"{error.code.name}: {error.message}"}
            else:
                kept.summary, kept.total_ms = summary_of(result), result.timings.total_ms
        self.problem = ""

    def _decode(self, value: bytes | None) -> Result:
        if self._runner is None or self._decoder is None:
            self._runner = asyncio.Runner()
            self._registry = Registry(self._settings.registry)
            self._decoder = ResultDecoder(self._registry, self._topic, self._major)
        return self._cast(self._runner.run(self._decoder.decode(value)))

    def _close(self) -> None:
        if self._runner is not None:
            self._runner.run(self._registry.close())
            self._runner.close()
            self._runner = self._decoder = None
