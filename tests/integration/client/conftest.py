"""Fixtures of the client's tests."""

from __future__ import annotations

from support.contract_fixtures import connection, kafka_topics, registered, registry, topics

__all__ = ["connection", "kafka_topics", "registered", "registry", "topics"]
