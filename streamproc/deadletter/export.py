"""Letters as a file, one row a letter: JSON lines (bytes as base64) or Parquet.

The file holds what the activities hold, children's texts and recordings among it: only its owner may read it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from streamproc.deadletter.envelope import FIELDS, iso
from streamproc.deadletter.ledger import Ledger
from streamproc.deadletter.letters import Letter

_ROWS = 1000
_FIELDS = [field.name for field in FIELDS if field.name != "headers"]


class ParquetMissing(Exception):  # noqa: N818
    """pyarrow is not installed."""


def export(letters: Iterable[Letter], ledger: Ledger, path: Path) -> int:
    """Write the letters to ``path``, as Parquet where its name ends so; how many there were.

    The file appears when it is complete.

    Raises:
        ParquetMissing: the name asks for Parquet and pyarrow is not installed.
        OSError: the file cannot be written.
    """
    write = _write_parquet if path.suffix == ".parquet" else _write_json
    part = path.with_name(f".{path.name}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        count = write((_row(letter, ledger) for letter in letters), part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _row(letter: Letter, ledger: Ledger) -> dict[str, Any]:
    return {
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "time": iso(datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC)),
        "state": ledger.state(letter.position).value,
        **{name: letter.error.get(name) for name in _FIELDS},
        "key": letter.key,
        "value": letter.value,
        "headers": [{"name": name, "value": value} for name, value in letter.original_headers],
    }


def _write_json(rows: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, default=_base64))
            file.write("\n")
            count += 1
    return count


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ParquetMissing from None
    header = pa.struct([("name", pa.string()), ("value", pa.binary())])
    schema = pa.schema(
        [
            ("partition", pa.int32()),
            ("offset", pa.int64()),
            ("time", pa.string()),
            ("state", pa.string()),
            *((name, pa.string()) for name in _FIELDS),
            ("key", pa.binary()),
            ("value", pa.binary()),
            ("headers", pa.list_(header)),
        ]
    )
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema))
            count += len(some)
    return count
