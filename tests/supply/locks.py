"""The locks: which versions of which packages are installed."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def locked(text: str) -> dict[str, str]:
    """Package -> version, names in PyPI's normal form."""
    return {normal(name): version for name, version in _LOCKED.findall(text)}


def normal(name: str) -> str:
    """A package's name as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
