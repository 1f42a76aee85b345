"""Overrule the first word of the first result that comes: it was read well."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime

from streamproc.client import Connection, Correction, CorrectionPublisher, Result, ResultSubscriber, Verdict, overrule


def read_well(result: Result) -> Correction:
    """What a teacher says of it."""
    return overrule(
        result,
        phrase_index=0,
        word_index=0,
        verdict=Verdict.CORRECT,
        correction_id=str(uuid.uuid4()),
        corrected_by="teacher-17",
        corrected_at=datetime.now(UTC),
    )


def main() -> None:
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__RESULT_TOPIC", "reading.result.v1")
    corrections = os.environ.get("STREAMPROC_PROGRESS__CORRECTION_TOPIC", "reading.correction.v1")
    result = next(iter(ResultSubscriber(connection, group_id=f"overrule-{uuid.uuid4()}", topic=topic)))
    with CorrectionPublisher(connection, source="/examples/overrule", topic=corrections) as publisher:
        publisher.send(read_well(result)).result()
    print(f"overruled: {result.activity_id}")


if __name__ == "__main__":
    main()
