"""The event reference is what the schema files say today."""

from __future__ import annotations

from pathlib import Path

from streamproc.contracts import files
from streamproc.contracts.upkeep import reference
from streamproc.contracts.upkeep.changes import changes

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "events.md"


def test_the_event_reference_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference.markdown(), "run 'streamproc schemas docs'"


def test_changes_between_the_versions_of_the_activity() -> None:
    first, second = (file.schema for file in files.versions(files.ACTIVITY))
    assert [(change.kind, change.path) for change in changes(first, second)] == [
        ("renamed", "tenant_id"),
        ("doc", "tenant_id"),
        ("added", "assignment_id"),
        ("added", "attempt"),
    ]
    backward = [(change.kind, change.path) for change in changes(second, first)]
    assert sorted(backward) == [
        ("added", "tenant"),
        ("removed", "assignment_id"),
        ("removed", "attempt"),
        ("removed", "tenant_id"),
    ]
