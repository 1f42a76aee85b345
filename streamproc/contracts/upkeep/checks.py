"""What is checked offline before a schema may be released: its file's rules, its history, its compatibility."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from streamproc.contracts import files
from streamproc.contracts.compatibility import Level, parse_schema, violations
from streamproc.contracts.upkeep.lint import SchemaProblem, lint

CHECKSUMS = "SHA256SUMS"
"""The released files, in the format of sha256sum(1)."""


def check(folder: Path) -> list[SchemaProblem]:
    """Every reason why the schema files may not be released as they are; empty: they may."""
    found = lint(folder)
    if found:
        return found
    return [*_check_history(folder), *_check_compatibility(folder)]


def seal(folder: Path) -> list[str]:
    """Add the checksums of new versions, which makes them immutable; return the files that were added."""
    known = _checksums(folder)
    new = [path for path in _schema_paths(folder) if _name(path) not in known]
    lines = [f"{digest}  {name}\n" for name, digest in known.items()]
    lines += [f"{_digest(path)}  {_name(path)}\n" for path in new]
    (folder / CHECKSUMS).write_text("".join(sorted(lines, key=lambda line: line.split()[1])), "utf-8")
    return [_name(path) for path in new]


def _check_history(folder: Path) -> Iterator[SchemaProblem]:
    known = _checksums(folder)
    paths = {_name(path): path for path in _schema_paths(folder)}
    for name, digest in known.items():
        if name not in paths:
            yield SchemaProblem(name, f"has been released, and is gone (its checksum is in {CHECKSUMS})")
        elif _digest(paths[name]) != digest:
            yield SchemaProblem(
                name, "has been released, and released files never change: restore it and add a new version"
            )
    for name in paths.keys() - known.keys():
        yield SchemaProblem(name, "is not released: seal it with 'streamproc schemas release'")


def _check_compatibility(folder: Path) -> Iterator[SchemaProblem]:
    for contract in files.contracts(folder):
        level = Level(contract.compatibility)
        released = files.versions(contract.name, folder)
        parsed = {file.version: parse_schema(file.schema) for file in released}
        for file in released:
            earlier = [version for version in parsed if version < file.version]
            for version in earlier if level.transitive else earlier[-1:]:
                where = f"{contract.name}/{file.path.name}"
                if level.backward:
                    for violation in violations(parsed[file.version], parsed[version]):
                        yield SchemaProblem(where, f"cannot read what version {version} wrote ({level}): {violation}")
                if level.forward:
                    for violation in violations(parsed[version], parsed[file.version]):
                        yield SchemaProblem(
                            where, f"version {version} cannot read what it writes ({level}): {violation}"
                        )


def _schema_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.avsc"))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checksums(folder: Path) -> dict[str, str]:
    """File -> SHA-256."""
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    return {line.split()[1]: line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip()}
