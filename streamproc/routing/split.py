"""Which learners a canary scores: a share of them, the same on every worker and after every restart. No I/O.

A learner's place between 0 and 1 comes from SHA-256 of the learner's id, without a salt: whoever is in a share of 5 %
is in one of 10 % too, so that a canary that grows takes new learners and gives none back, and a learner does not go to
and fro between models when the next canary comes.
"""

from __future__ import annotations

import hashlib

_PLACES = 2**53
"""As many as a float tells apart between 0 and 1."""


def place(learner_id: str) -> float:
    """Where a learner stands, from 0 to below 1, evenly spread."""
    digest = hashlib.sha256(learner_id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / _PLACES


def in_canary(learner_id: str, share: float) -> bool:
    """Whether a learner belongs to a canary of this share."""
    return place(learner_id) < share
