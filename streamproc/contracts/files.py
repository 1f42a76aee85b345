"""The schema files: ``schemas/<contract>/<version>.avsc``, the source of truth of every contract."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACTIVITY = "reading.activity"
RESULT = "reading.result"
CONTROL = "streamproc.control"
PROGRESS = "reading.progress"
CORRECTION = "reading.correction"

OPTIONAL = frozenset({PROGRESS, CORRECTION})
"""Contracts of what workers do where a setting says so: no step of a roll-out waits for them."""

FOR_EVER = "for ever"
"""The retention of a compacted topic."""

_PACKAGE = Path(__file__).resolve().parents[1]


def schema_folder() -> Path:
    """The folder of all contracts: inside an installed package, else at the root of a source tree."""
    installed = _PACKAGE / "schemas"
    return installed if installed.is_dir() else _PACKAGE.parent / "schemas"


@dataclass(frozen=True, slots=True)
class Contract:
    """What ``compatibility.toml`` says about one contract; the file explains the entries."""

    name: str
    compatibility: str
    owner: str
    topic: str
    key: str
    retention: str
    ordering: str

    @property
    def retention_days(self) -> int:
        """How long its topic keeps events.

        Raises:
            ValueError: it is not said in days.
        """
        days = re.fullmatch(r"([1-9]\d*) days", self.retention)
        if days is None:
            raise ValueError(f"compatibility.toml: [{self.name!r}]: retention {self.retention!r} is not like '30 days'")
        return int(days[1])


def contracts(folder: Path | None = None) -> tuple[Contract, ...]:
    """All contracts, in the file's order; those of this release unless another folder is given."""
    tables = tomllib.loads(((folder or schema_folder()) / "compatibility.toml").read_text("utf-8"))
    return tuple(Contract(name=name, **table) for name, table in tables.items())


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One released version of a contract."""

    contract: str
    version: int
    path: Path
    schema: dict[str, Any]

    @property
    def text(self) -> str:
        """The one serialisation that is ever sent to a registry: some make a new version of mere white space."""
        return json.dumps(self.schema, separators=(",", ":"), ensure_ascii=True)


def versions(contract: str, folder: Path | None = None) -> tuple[SchemaFile, ...]:
    """All versions of ``contract``, oldest first; those of this release unless another folder is given."""
    paths = sorted(((folder or schema_folder()) / contract).glob("*.avsc"), key=lambda path: int(path.stem))
    return tuple(SchemaFile(contract, int(path.stem), path, json.loads(path.read_text("utf-8"))) for path in paths)


def newest(contract: str) -> SchemaFile:
    """The newest version of ``contract``: what this release writes, and what it reads everything as."""
    return versions(contract)[-1]


def subject(topic: str) -> str:
    """The registry subject of a topic's values, after Confluent's TopicNameStrategy."""
    return f"{topic}-value"
