"""What the environment variables are called."""

from __future__ import annotations

PREFIX = "STREAMPROC_"
CONFIG_VARIABLE = "STREAMPROC_CONFIG"


def variable(section: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}__{name}".upper()
