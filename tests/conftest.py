"""What every test may ask for: the real stack, or one part of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from streamproc.localstack.stack import PARTS, Addresses, LocalStack

# How long an example takes says how busy the machine is. The same examples each time: what fails here was broken by the
# change that is tested. `make fuzz` goes on to others, and prints what brings a failure back.
settings.register_profile("streamproc", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2_000, print_blob=True)
settings.load_profile("streamproc")

PROVIDER = "STREAMPROC_TEST_PROVIDER"
"""docker: workers of the integration tests are containers of the image, which is built first (make test-image)."""

if os.environ.get(PROVIDER, "process") == "docker":
    from support.image_fixtures import context, docker_engine, triton_image, worker_image

    __all__ = ["context", "docker_engine", "triton_image", "worker_image"]

DEVELOPERS_STACK = Path(__file__).parent.parent / ".local"


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack that this session's parts come from; a part is started when a test first asks for it.

    It is the one that `streamproc local up` has brought up in this checkout, else the session's own, which dies with
    the session, however that ends. What the environment names wins over both. Names of topics, groups and subjects
    are shared: make your own.
    """
    developers = LocalStack(DEVELOPERS_STACK)
    if all(part.state == "up" for part in developers.status().values()):
        yield developers
        return
    own = LocalStack(tmp_path_factory.mktemp("stack"), tie=True, report=print)
    try:
        yield own
    finally:
        own.down()


@pytest.fixture(scope="session")
def stack(local_stack: LocalStack) -> Addresses:
    """The addresses of a real Kafka, schema registry and Triton, the same ones for the whole session."""
    return local_stack.up(PARTS)


@pytest.fixture(scope="session")
def kafka_bootstrap(local_stack: LocalStack) -> str:
    """The bootstrap servers of a real Kafka; nothing else is started for it."""
    return local_stack.up(("kafka",)).kafka_bootstrap


@pytest.fixture(scope="session")
def registry_url(local_stack: LocalStack) -> str:
    """The base URL of a real schema registry, as confluent-kafka's client takes it; nothing else is started for it."""
    return local_stack.up(("registry",)).registry_url


@pytest.fixture(scope="session")
def triton_url(local_stack: LocalStack) -> str:
    """The gRPC address, host:port, of a real Triton that serves models/; nothing else is started for it."""
    return local_stack.up(("triton",)).triton_url
