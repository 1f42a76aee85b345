"""The list of licences of a lock: whole, and none among them that may not be passed on with us.

``python -m supply.licences LOCK PYTHON FILE`` (in tests/, with pip-licenses beside the interpreter): PYTHON is that of
an environment where the lock is installed. pip-licenses itself leaves out what is not there, without a word.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from supply.locks import locked, normal

FORBIDDEN = ("AGPL", "AFFERO", "GPL-2", "GPL-3", "GPLV2", "GPLV3", "GNU GENERAL PUBLIC LICENSE")
"""Who passes the image on would have to pass on all of it under these. The Lesser GPL is no such licence."""


def problems(rows: list[dict[str, str]], lock: str) -> list[str]:
    """What is wrong with the licences of a lock's packages, by pip-licenses' rows."""
    there = {normal(row["Name"]): row for row in rows}
    found = []
    for name, version in sorted(locked(lock).items()):
        row = there.get(name)
        if row is None:
            found.append(f"{name}: its licence was not looked at: it is not installed")
        elif row["Version"] != version:
            found.append(f"{name}: {row['Version']} was looked at, {version} is locked")
        elif row["License"].upper() in ("", "UNKNOWN"):
            found.append(f"{name}: says nothing of its licence")
        elif forbidden(row["License"]):
            found.append(f"{name}: {row['License']}")
    return found


def forbidden(licence: str) -> bool:
    """Whether it is one of FORBIDDEN."""
    plain = licence.upper().replace("LGPL", "LESSER")
    return any(one in plain for one in FORBIDDEN)


def main(lock: Path, python: str, file: Path) -> int:
    """Write the list; the exit code."""
    names = list(locked(lock.read_text("utf-8")))
    command = [str(Path(sys.executable).with_name("pip-licenses")), "--python", python, "--format", "json"]
    done = subprocess.run([*command, "--packages", *names], capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    if wrong := problems(rows, lock.read_text("utf-8")):
        print(*wrong, sep="\n")
        return 1
    with file.open("w", encoding="utf-8", newline="") as written:
        table = csv.DictWriter(written, ["Name", "Version", "License"])
        table.writeheader()
        table.writerows(rows)
    print(f"{file}: {len(rows)} licences")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
