"""Fixtures of the dead letters' tests."""

from __future__ import annotations

import pytest

from .letter_topics import LetterTopics


@pytest.fixture
def there(kafka_bootstrap: str) -> LetterTopics:
    """Empty topics of this test's own."""
    return LetterTopics(kafka_bootstrap)
