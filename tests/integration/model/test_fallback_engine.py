"""The fallback held to the suite of all engines: while a real Triton answers, and while nobody does."""

from __future__ import annotations

import pytest
from support.engine_suite import IN_FLIGHT, REPOSITORY, EngineSuite
from support.worker_process import free_port

from streamproc.inference.engine import Engine
from streamproc.inference.fallback import FallbackEngine
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of


def fallback(address: str, seconds: float) -> FallbackEngine:
    model = built_in("phonemes", "")
    pool = pool_of([address], model, seconds, 60.0)
    return FallbackEngine(pool, pool.endpoints, OnnxEngine(REPOSITORY, model, seconds, IN_FLIGHT), IN_FLIGHT)


class TestWithATriton(EngineSuite):
    """Held to the suite."""

    engine = "triton"

    @pytest.fixture(autouse=True)
    def _server(self, triton_url: str) -> None:
        self._url = triton_url

    def make(self, timeout: float = 60.0) -> Engine:
        """See EngineSuite."""
        return fallback(self._url, timeout)


class TestWithoutATriton(EngineSuite):
    """Held to the suite."""

    engine = "onnx"

    @pytest.fixture(autouse=True)
    def _nobody(self) -> None:
        self._url = f"127.0.0.1:{free_port()}"

    def make(self, timeout: float = 60.0) -> Engine:
        """See EngineSuite."""
        return fallback(self._url, timeout)
