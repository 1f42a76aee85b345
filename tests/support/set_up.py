"""What an operator does before the first worker starts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from streamproc.contracts import files
from support.topics_of_test import TestTopics
from support.worker_process import run


def prepare(settings: Mapping[str, str], topics: TestTopics) -> int:
    """Create topics and schemas, as an operator does; the id of the newest activity schema."""
    created = run(settings, "topics", "create")
    assert created.returncode == 0, created.stderr
    registered = run(settings, "schemas", "register", "--json")
    assert registered.returncode == 0, registered.stderr
    rows = json.loads(registered.stdout.splitlines()[-1])["schemas"]
    subject = files.subject(topics.activities)
    return max(int(row["id"]) for row in rows if row["subject"] == subject)
