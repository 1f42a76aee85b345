"""Where a report of a long proof comes from: the machine, and the versions of what takes part."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("streamproc", "confluent-kafka", "faust-streaming", "tritonclient", "grpcio")


def whereabouts(load: float) -> dict[str, Any]:
    """To be written beside the report; ``load``: how busy the machine was before."""
    return {
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": load},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
