"""Fixtures of the worker's tests."""

from __future__ import annotations

from support.worker_fixtures import clips, schema_id, settings, start, topics, worker

__all__ = ["clips", "schema_id", "settings", "start", "topics", "worker"]
