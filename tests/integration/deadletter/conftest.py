"""Fixtures of the dead letters' tests."""

from __future__ import annotations

import socket

import pytest
from support.letter_topics import LetterTopics


@pytest.fixture
def there(kafka_bootstrap: str) -> LetterTopics:
    """Empty topics of this test's own."""
    return LetterTopics(kafka_bootstrap)


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
