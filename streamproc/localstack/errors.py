"""What can go wrong with the local stack."""

from __future__ import annotations


class StackError(Exception):
    """A part could not be fetched, started or reached; the message says which one, and why."""
