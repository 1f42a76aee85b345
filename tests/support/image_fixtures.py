"""Fixtures of images: an engine, and what the Dockerfile makes, built once; for tests whose workers are containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.docker_engine import build, debian_with_tools, engine, sources
from support.worker_container import IMAGE

DEBIAN, WORKER, TRITON = "streamproc-test/debian:12", "streamproc-test/worker:one", "streamproc-test/triton:one"


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What images are built from."""
    return sources(tmp_path_factory.mktemp("context"))


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory, context: Path) -> Iterator[str]:
    """An engine that docker's clients in this process speak to."""
    with engine(tmp_path_factory.mktemp("docker")) as address, pytest.MonkeyPatch.context() as patch:
        if address:
            patch.setenv("DOCKER_HOST", address)
        # The helper that removes what a killed test leaves behind would have to be pulled.
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
        debian_with_tools(DEBIAN, context)
        yield address


@pytest.fixture(scope="session")
def worker_image(docker_engine: str, context: Path) -> Iterator[str]:
    """The worker's image."""
    build(context, DEBIAN, "worker", WORKER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(IMAGE, WORKER)
        yield WORKER


@pytest.fixture(scope="session")
def triton_image(docker_engine: str, context: Path) -> str:
    """The models' image."""
    build(context, DEBIAN, "triton", TRITON)
    return TRITON
