"""The section of activities that are published twice."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from streamproc.settings.sections import Count, Section


class DuplicatesSettings(Section):
    """Activities that are published twice: told by learner, tenant and activity id."""

    window: Annotated[float, Field(ge=0, le=31 * 24 * 3600)] = 0.0
    """Seconds, in the records' time, within which a second activity of the same id is a dead letter
    (DUPLICATE_ACTIVITY) and not a second result. 0: every record has a result of its own, and nothing is remembered.
    Needs a topic for it, which 'streamproc topics create' makes."""
    capacity: Count = 1_000_000
    """Activities of a partition that are remembered at a time, some 150 bytes each."""
