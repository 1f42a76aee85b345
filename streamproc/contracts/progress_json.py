"""Progress as JSON and back, as a worker's page answers it: Avro's values, times in ISO 8601."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from streamproc.contracts.generated.conversions_progress import progress_from_avro, progress_to_avro
from streamproc.contracts.generated.events_progress import Progress


def to_json(progress: Progress) -> dict[str, Any]:
    """JSON values."""
    values: dict[str, Any] = json.loads(json.dumps(progress_to_avro(progress), default=datetime.isoformat))
    return values


def from_json(values: Any) -> Progress:
    """The event again.

    Raises:
        ValueError: it is none, or a worker of another release has written it that this one cannot read.
    """
    try:
        datum = {**values, "updated_at": datetime.fromisoformat(values["updated_at"])}
        datum["readings"] = [{**one, "read_at": datetime.fromisoformat(one["read_at"])} for one in values["readings"]]
        datum["words_to_practise"] = [
            {**one, "last_missed_at": datetime.fromisoformat(one["last_missed_at"])}
            for one in values["words_to_practise"]
        ]
        return progress_from_avro(datum)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is no progress that this release reads: {type(error).__name__}") from None
