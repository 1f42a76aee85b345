"""Control events for tests: whatever is not given is right."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, ControlledModel


def model(version: int = 2, name: str = "phonemes") -> ControlledModel:
    """A model whose weights go with its version."""
    return ControlledModel(name=name, version=str(version), sha256=f"{version:064x}")


def control_event(kind: ControlKind, **given: Any) -> ControlEvent:
    """An event of this kind."""
    fields: dict[str, Any] = {
        "change_id": str(uuid.uuid4()),
        "expected_revision": -1,
        "at": datetime.now(UTC),
        "by": "ada",
        "reason": "a test",
        "kind": kind,
    }
    if kind in (ControlKind.CHAMPION, ControlKind.CANARY, ControlKind.SHADOW):
        fields["model"] = model()
    if kind is ControlKind.CANARY:
        fields["share"] = 0.05
    return ControlEvent(**fields | given)
