"""Fixtures of what a worker knows of learners over time."""

from __future__ import annotations

from support.worker_fixtures import clips, schema_id, settings, start, topics, worker

__all__ = ["clips", "schema_id", "settings", "start", "topics", "worker"]
