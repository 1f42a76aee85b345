"""Discard: a letter that nobody will replay, with the name of who decided it and the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from streamproc.deadletter.ledger import LedgerEntry, LetterState
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.operation import Copy, Deed
from streamproc.deadletter.times import iso
from streamproc.kafka import topics
from streamproc.kafka.places import write_place

_LONGEST = 300
"""Characters of a field of the letter that are kept."""


def discard_deed(letter: Letter, dead_letter_topic: str, reason: str, by: str) -> Deed:
    """What a discard does to a letter: an audit record, whose key is the letter's position, and the ledger's entry."""
    # A worker's are short. Whoever else wrote them, the audit topic takes the record.
    error = {name: value[:_LONGEST] for name, value in letter.error.items()}
    audit = {
        "letter": write_place(dead_letter_topic, *letter.position),
        "source": write_place(*(error.get(f"source.{part}", "") for part in ("topic", "partition", "offset"))),
        "code": error.get("code", ""),
        "fingerprint": error.get("fingerprint", ""),
        "by": by,
        "time": iso(datetime.now(UTC)),
        "reason": reason,
    }
    copy = Copy(
        topics.audit_topic(dead_letter_topic), None, str(letter.position).encode(), json.dumps(audit).encode(), []
    )
    return Deed(letter, (copy,), LedgerEntry(letter.position, LetterState.DISCARDED, by))
