"""Packs rotate.py into rotate.zip: the same bytes from the same source. ``python pack.py``"""

from __future__ import annotations

import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def pack(target: Path) -> None:
    """Write the package that the function is made of."""
    # A date and rights of its own: those of a checkout differ. Stored: zlib's versions compress differently.
    entry = zipfile.ZipInfo("rotate.py", (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        package.writestr(entry, (HERE / "rotate.py").read_bytes())


if __name__ == "__main__":
    pack(HERE / "rotate.zip")
