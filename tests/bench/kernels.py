"""What figures of the compiled kernels rest on; needs nothing of streamproc, as they do not."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aligner_mypyc


def machine(*packages: str) -> dict[str, Any]:
    """The processor, how busy it was, and the versions of the aligner, of what compiled it and of its peers."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = found[0] if found else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "aligner_mypyc": aligner_mypyc.__version__,
        **{name: version(name) for name in packages},
    }
