"""Which modules mypyc compiles, and whether the compiled code belongs to the sources beside it.

Imports nothing of the package: ``setup.py`` uses it before there is one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

MODULES = (
    "errors",
    "ops",
    "inventory",
    "costs",
    "workspace",
    "bytescan",
    "banded",
    "lanes",
    "unit",
    "strips",
    "aligner",
    "projection",
    "frames",
    "ctc",
    "bestpath",
    "goodness",
    "beam",
)
"""Compiled together, in one extension: calls between them are C calls."""

STAMP = "_compiled_from.txt"
"""Beside the compiled modules: the digest of the sources that they were compiled from."""


def source_digest(package: Path) -> str:
    """SHA-256 over names and contents of the compiled modules' sources in the folder ``package``."""
    digest = hashlib.sha256()
    for module in MODULES:
        source = (package / f"{module}.py").read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{module} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def check_compiled(package: Path) -> None:
    """Raise ImportError when the compiled modules in ``package`` were made from other sources than lie there."""
    stamp = package / STAMP
    built_from = stamp.read_text().strip() if stamp.exists() else "unknown sources"
    if built_from != source_digest(package):
        raise ImportError(
            f"the compiled aligner_mypyc in {package} was built from other sources than the .py files beside it: "
            "build it again, or delete the extension modules (*.so, *.pyd) to run the sources"
        )
