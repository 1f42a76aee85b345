"""All that a deployment is made of, tested one after the other; the last line is JSON, a verdict for each part.

``python -m support.ship`` (in tests/; `make test-ship` has installed the tools). A part whose tool cannot be had on
this machine is skipped, with the reason; whatever else does not pass fails the whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def no_terraform() -> str:
    """Why Terraform's modules cannot be tested; empty: they can."""
    return "" if shutil.which("terraform") else "terraform is not on the PATH, and no package registry has it"


def no_kubectl() -> str:
    """Why manifests cannot be rendered; empty: they can."""
    return "" if shutil.which("kubectl") else "kubectl is not on the PATH"


def no_engine() -> str:
    """Why no image can be built; empty: it can."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return ""
    able = os.getuid() == 0 and (shutil.which("dockerd") or shutil.which("apt-get"))
    return "" if able else "no Docker engine answers, and it takes root to install and start one"


PARTS: dict[str, tuple[Callable[[], str], list[str]]] = {
    "terraform": (no_terraform, ["test-terraform"]),
    "kustomize": (no_kubectl, ["test-kubernetes", "K=not policy"]),
    "policy": (no_kubectl, ["test-kubernetes", "K=policy"]),
    "image": (no_engine, ["test-image"]),
}
"""Part -> why it may not be possible here, and what make is asked for."""


def main() -> int:
    """Test every part; the exit code."""
    verdicts = {}
    for name, (hindrance, targets) in PARTS.items():
        if why := hindrance():
            verdicts[name] = f"skipped: {why}"
            continue
        print(f"== {name}", flush=True)
        done = subprocess.run(["make", "--no-print-directory", *targets], cwd=ROOT, check=False)
        verdicts[name] = "passed" if done.returncode == 0 else "failed"
    print(json.dumps(verdicts))
    return int("failed" in verdicts.values())


if __name__ == "__main__":
    sys.exit(main())
