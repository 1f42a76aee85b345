"""The list of parts (SBOM, CycloneDX) of a lock, complete or not at all.

``python -m supply.parts LOCK FILE`` (in tests/, with cyclonedx-py beside the interpreter).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from supply.locks import locked, normal


def missing(bom: dict[str, Any], lock: str) -> list[str]:
    """Packages of the lock that the list has not, or without version or hash."""
    there = {
        normal(one["name"]): one["version"]
        for one in bom.get("components", [])
        if one.get("version") and any(reference.get("hashes") for reference in one.get("externalReferences", []))
    }
    return [f"{name} {version}" for name, version in sorted(locked(lock).items()) if there.get(name) != version]


def main(lock: Path, file: Path) -> int:
    """Write the list; the exit code."""
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", "--output-reproducible", str(lock)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if absent := missing(json.loads(made), lock.read_text("utf-8")):
        print("not in the list of parts:", *absent, sep="\n  ")
        return 1
    file.write_text(made, "utf-8")
    print(f"{file}: {len(locked(lock.read_text('utf-8')))} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
