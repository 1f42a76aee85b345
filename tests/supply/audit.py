"""The gate behind pip-audit: known holes fail it, and so does a package that was not looked at.

``python -m supply.audit LOCK…`` (in tests/, with pip-audit beside the interpreter). pip-audit itself passes over
what its source does not know, with a warning at the most: an audit of nothing would be green.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from supply.locks import locked, normal


def problems(report: dict[str, Any], lock: str) -> list[str]:
    """What is wrong with the packages of a lock, by pip-audit's report in JSON."""
    wanted = locked(lock)
    found = []
    audited = set()
    for one in report["dependencies"]:
        name = normal(one["name"])
        if "skip_reason" in one:
            found.append(f"{name}: was not audited: {one['skip_reason']}")
            continue
        audited.add(name)
        if one["version"] != wanted.get(name):
            found.append(f"{name}: {one['version']} was audited, {wanted.get(name)} is locked")
        found += [f"{name} {one['version']}: {hole['id']}, mended in {hole['fix_versions']}" for hole in one["vulns"]]
    told = {line.partition(":")[0] for line in found}
    found += [f"{name}: was not audited" for name in sorted(wanted.keys() - audited - told)]
    return found or ([] if wanted else ["the lock is empty"])


def main(locks: list[Path]) -> int:
    """Audit locks; the exit code."""
    failed = False
    for lock in locks:
        command = [
            str(Path(sys.executable).with_name("pip-audit")),
            "--strict",
            "--disable-pip",
            "--require-hashes",
            "--format=json",
        ]
        done = subprocess.run([*command, "--requirement", lock], capture_output=True, text=True, check=False)
        try:
            found = problems(json.loads(done.stdout), lock.read_text("utf-8"))
        except ValueError:
            found = [f"pip-audit says nothing that can be read: {done.stderr.strip()[-500:]}"]
        print(f"{lock.name}: {len(found)} problems" if found else f"{lock.name}: every package audited, no known hole")
        print(*(f"  {line}" for line in found), sep="\n", end="\n" if found else "")
        failed |= bool(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
