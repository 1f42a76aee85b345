"""The images, built once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.worker_container import IMAGE
from support.worker_fixtures import clips, schema_id, settings, topics

from .engine import build, debian_with_tools, engine

__all__ = ["clips", "schema_id", "settings", "topics"]

DEBIAN, WORKER, TRITON = "streamproc-test/debian:12", "streamproc-test/worker:one", "streamproc-test/triton:one"


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine that docker's clients in this process speak to."""
    with engine(tmp_path_factory.mktemp("docker")) as address, pytest.MonkeyPatch.context() as patch:
        if address:
            patch.setenv("DOCKER_HOST", address)
        # The helper that removes what a killed test leaves behind would have to be pulled.
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
        debian_with_tools(DEBIAN)
        yield address


@pytest.fixture(scope="session")
def worker_image(docker_engine: str) -> Iterator[str]:
    """The worker's image."""
    build(DEBIAN, "worker", WORKER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(IMAGE, WORKER)
        assert os.environ[IMAGE] == WORKER
        yield WORKER


@pytest.fixture(scope="session")
def triton_image(docker_engine: str) -> str:
    """The models' image."""
    build(DEBIAN, "triton", TRITON)
    return TRITON
