"""What every test may ask for: the real stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamproc.localstack.stack import KINDS, Addresses, LocalStack

DEVELOPER_STACK = Path(__file__).parent.parent / ".local"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The addresses of a real Kafka, schema registry and Triton, the same ones for the whole session.

    What the environment names is used, else what `streamproc local up` has brought up in this checkout, else a stack
    is started for this session; it dies with it, however the session ends. Names of topics, groups and subjects are
    shared: make your own.
    """
    own = LocalStack(tmp_path_factory.mktemp("stack"), tie=True, report=print)
    developers = LocalStack(DEVELOPER_STACK)
    if all(part.state == "up" for part in developers.status().values()):
        yield developers.up()
        return
    try:
        yield own.up(tuple(KINDS))
    finally:
        own.down()
