"""Fixtures of a worker in a container: topics and schemas as the integration tests have them."""

from __future__ import annotations

from support.worker_fixtures import clips, schema_id, settings, topics

__all__ = ["clips", "schema_id", "settings", "topics"]
