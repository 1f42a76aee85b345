"""Where a figure comes from: the machine, and what ran on it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import confluent_kafka
import faust


def machine(load: float) -> dict[str, Any]:
    """The machine, and how busy it was before anything was measured."""
    return {"cpus": os.cpu_count(), "platform": platform.platform(), "load": load}


def versions(**others: str) -> dict[str, Any]:
    """What every measurement of the driver rests on, and what it is compared with."""
    return {
        "python": platform.python_version(),
        "confluent-kafka": confluent_kafka.__version__,
        "librdkafka": confluent_kafka.libversion()[0],
        "faust-streaming": faust.__version__,
        "kafka": "4.1.0",
        **others,
    }


def whereabouts(load: float, *packages: str) -> dict[str, Any]:
    """Both, to be written beside a report; ``packages``: others that take part."""
    return {"machine": machine(load), "versions": versions(**{name: version(name) for name in packages})}
