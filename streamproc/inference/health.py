"""Whether an endpoint is fit: asked every second, whatever calls show.

Triton answers gRPC's health protocol by `Check`, and does not know `Watch`, which gRPC's own health checking needs: so
ModelReady is polled. Who was out of use is proven before it gets a child's reading: its model is one of ours, and
answers.
"""

from __future__ import annotations

import asyncio
import random
from typing import Protocol, TypeVar

import structlog

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.endpoint import Ejected, Endpoint
from streamproc.inference.engine import ModelIdentity

log = structlog.get_logger(__name__)

EVERY_S = 1.0
"""Seconds from one look to the next."""

AGAIN_S = 0.1
"""Seconds from a look that failed to the one that confirms it."""

PATIENCE_S = 1.5
"""Seconds for ModelReady, which waits for no model."""

MISSES = 2
"""Looks in a row without an answer that make an endpoint silent: one may be lost with a connection."""

STALLED_S = 2.0
"""Seconds without an answer to anything, after which an endpoint that says that it is ready has to prove it."""

PROVE_S = 2.0
"""Seconds that it has for that, or longer where it is as slow as that at other times."""

TAKE_IN_S = 10.0
"""Seconds for the proof of who is out of use: a model may be slow at first, and nobody waits for it."""

NOISE_S = 1.5
"""Seconds of audio in a proof."""


class Checked(Protocol):
    """What health checks ask of a server."""

    model: ModelIdentity
    """The model that it was last seen to serve."""

    @property
    def doubted(self) -> bool:
        """Whether its model may be another since it was last proven."""

    async def ready(self, within: float) -> bool:
        """Whether it serves the model. Raises StreamprocError where it does not answer."""

    async def served_instead(self, within: float) -> str:
        """What it serves in place of a model that it does not, in words; empty where it does not tell."""

    async def prove(self, within: float) -> object:
        """Have it say what its model takes and gives, and answer noise, or show that it is the one that is declared.

        Raises:
            StreamprocError: MODEL_UNSUITABLE, the model is not ours; INFERENCE_BUSY, it works and is full; others.
        """


C = TypeVar("C", bound=Checked)


class HealthCheck:
    """The looks at one endpoint.

    Args:
        endpoint: in use once a look has found it fit.
        slowly: whether it starts slowly, also the first time.
    """

    def __init__(self, endpoint: Endpoint[C], *, slowly: bool) -> None:
        self._endpoint = endpoint
        self._slowly = slowly
        self._misses = 0
        self._was_ready = False
        self._never_fit = True
        self.error: StreamprocError | None = None
        """What the last look found wrong."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            # Workers that were started together do not ask together for ever.
            await asyncio.sleep(AGAIN_S if 0 < self._misses < MISSES else EVERY_S * random.uniform(0.8, 1.0))  # noqa: S311
            try:
                await self.look()
            except Exception:
                # Whatever it was: who is no longer looked at would stay as it is for ever.
                log.exception("a health check of an inference endpoint failed", endpoint=self._endpoint.address)

    async def look(self) -> None:
        """Look once, and eject or restore the endpoint."""
        endpoint = self._endpoint
        try:
            ready = await endpoint.server.ready(PATIENCE_S)
        except StreamprocError as error:
            self._missed(error)
            return
        self._misses = 0
        came, self._was_ready = ready and not self._was_ready, ready
        if not ready:
            model = endpoint.server.model
            unserved = f"{endpoint.address} does not serve the model {(str(model) if model.version else model.name)!r}"
            instead = await endpoint.server.served_instead(PATIENCE_S)
            self.error = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, unserved + instead)
            endpoint.eject(Ejected.UNREADY, f"it says that it does not serve the model{instead}")
        elif endpoint.available:
            self.error = None
            if endpoint.server.doubted:
                await self._look_whether_it_is_another()
            await self._look_whether_it_hangs()
        elif came or endpoint.breaker.allows():
            await self._take_in()

    def _missed(self, error: StreamprocError) -> None:
        self.error = error
        self._misses += 1
        self._was_ready = False
        if self._misses >= MISSES or self._never_fit:
            self._endpoint.eject(Ejected.SILENT, f"it does not answer health checks: {error.message}")

    async def _look_whether_it_is_another(self) -> None:
        # What else may fail meanwhile, its calls and the other looks tell.
        if not await self._proves(TAKE_IN_S) and self._is_of_the_model:
            assert self.error is not None
            self._endpoint.eject(Ejected.MODEL, self.error.message)

    @property
    def _is_of_the_model(self) -> bool:
        """Whether what the last look found wrong is the model itself."""
        codes = (ErrorCode.MODEL_UNSUITABLE, ErrorCode.INFERENCE_UNUSABLE)
        return self.error is not None and self.error.code in codes

    async def _look_whether_it_hangs(self) -> None:
        endpoint = self._endpoint
        seconds = endpoint.unanswered_for
        if seconds > STALLED_S and not await self._proves(max(PROVE_S, endpoint.usual(NOISE_S))):
            reason = f"it says that it is ready, and has answered nothing for {seconds:.1f} s"
            endpoint.eject(Ejected.SILENT, reason)

    async def _take_in(self) -> None:
        if await self._proves(TAKE_IN_S):
            self._endpoint.restore(slowly=self._slowly)
            self._slowly, self._never_fit = True, False
            return
        assert self.error is not None
        # Its breaker is told of each proof, and says when the next is due.
        self._endpoint.eject(Ejected.MODEL if self._is_of_the_model else Ejected.ERRORS, self.error.message)

    async def _proves(self, within: float) -> bool:
        server = self._endpoint.server
        try:
            await self._endpoint.call(NOISE_S, lambda: server.prove(within), noise=True)
        except StreamprocError as error:
            self.error = error
            # It works, then; and each later answer is checked as well.
            return error.code is ErrorCode.INFERENCE_BUSY
        self.error = None
        return True
