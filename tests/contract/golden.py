"""Golden files: what every version wrote, and what every reader must make of it.

``python tests/contract/golden.py`` writes those that are missing, for a new version; it never changes one that is
there.

* ``<contract>/<writer>.hex``: the example's Avro body, written with one version.
* ``<contract>/<writer>-as-<reader>.json``: that body, read with another version.
* ``casts/*.json``: results, cast from one major version to the other.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro

from streamproc.contracts import files
from streamproc.contracts.compatibility import Level
from streamproc.contracts.majors import MAJORS, V1
from streamproc.contracts.upkeep.examples import RESULT, as_json, example

FOLDER = Path(__file__).parent / "golden"
CASTS = FOLDER / "casts"


def bodies() -> Iterator[Path]:
    """The path of every body."""
    for contract in files.contracts():
        for file in files.versions(contract.name):
            yield FOLDER / contract.name / f"{file.version}.hex"


def readings() -> Iterator[tuple[str, int, int]]:
    """(contract, writer, reader) of every pair that must work under the contract's level."""
    for contract in files.contracts():
        numbers = [file.version for file in files.versions(contract.name)]
        for writer in numbers:
            for reader in numbers:
                if writer <= reader or Level(contract.compatibility).forward:
                    yield contract.name, writer, reader


def read(contract: str, writer: int, reader: int) -> str:
    """What version ``reader`` makes of the golden body of version ``writer``."""
    schemas = {file.version: file.schema for file in files.versions(contract)}
    body = bytes.fromhex((FOLDER / contract / f"{writer}.hex").read_text())
    return as_json(_as_dict(fastavro.schemaless_reader(io.BytesIO(body), schemas[writer], schemas[reader]))) + "\n"


def casts() -> dict[str, str]:
    """The example as each major, made from the first, and made the first again."""
    texts = {}
    for major in MAJORS.values():
        if major is not V1:
            other = major.upcast(RESULT)
            texts[f"result-1-as-{major.number}.json"] = as_json(major.to_avro(other)) + "\n"
            texts[f"result-{major.number}-as-1.json"] = as_json(V1.to_avro(major.downcast(other))) + "\n"
    return texts


def _as_dict(datum: Any) -> dict[str, Any]:
    assert isinstance(datum, dict)
    return datum


def _write(contract: str, version: int) -> str:
    schema = files.versions(contract)[version - 1].schema
    datum = example(contract)
    for field in schema["fields"]:
        # The example has the newest names; an older version knows a field by one of its aliases.
        for newer in files.newest(contract).schema["fields"]:
            if field["name"] in newer.get("aliases", ()):
                datum[field["name"]] = datum.pop(newer["name"])
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, datum)
    return body.getvalue().hex() + "\n"


def main() -> None:
    """Write what is missing."""
    wanted = {path: _write(path.parent.name, int(path.stem)) for path in bodies()}
    for path, text in wanted.items():
        _add(path, text)
    for contract, writer, reader in readings():
        _add(FOLDER / contract / f"{writer}-as-{reader}.json", read(contract, writer, reader))
    for name, text in casts().items():
        _add(CASTS / name, text)


def _add(path: Path, text: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"{path}: written")


if __name__ == "__main__":
    main()
