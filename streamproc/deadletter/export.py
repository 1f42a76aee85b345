"""Letters as a file, one row a letter: JSON lines (bytes as base64) or Parquet.

The file holds what the activities hold, children's texts and recordings among it: only its owner may read it.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from streamproc.deadletter.envelope import FIELDS
from streamproc.deadletter.ledger import LetterLedger
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.times import iso_of

_ROWS = 1000
_FIELDS = [field.name for field in FIELDS if field.name != "headers"]


class ParquetMissing(Exception):  # noqa: N818
    """pyarrow is not installed."""


class NoRegularFile(Exception):  # noqa: N818
    """There is something at the path that is no file: a link, a pipe, a device, a folder."""


def is_there(path: Path) -> bool:
    """Whether there is a file already that an export would replace.

    Raises:
        NoRegularFile: what is there must not be replaced.
        OSError: the path cannot be looked at.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise NoRegularFile
    return True


def export(letters: Iterable[Letter], ledger: LetterLedger, path: Path) -> int:
    """Write the letters to ``path``, as Parquet where its name ends so; how many there were.

    The file appears when it is complete. It is a new one, of a name that nobody can foresee and for its owner alone,
    until it takes the place of ``path``: what others may have put there is neither written through nor waited for.

    Raises:
        NoRegularFile: as `is_there`.
        ParquetMissing: the name asks for Parquet and pyarrow is not installed.
        OSError: the file cannot be written.
    """
    is_there(path)
    write = _write_parquet if path.suffix == ".parquet" else _write_json
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = write((_row(letter, ledger) for letter in letters), file)
        is_there(path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _row(letter: Letter, ledger: LetterLedger) -> dict[str, Any]:
    return {
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "time": iso_of(letter.timestamp_ms),
        "state": ledger.state(letter.position).value,
        "replays": letter.replays,
        "stub": letter.is_stub,
        **{name: letter.error.get(name) for name in _FIELDS},
        "key": letter.key,
        "value": letter.value,
        "headers": [{"name": name, "value": value} for name, value in letter.original_headers],
    }


def _write_json(rows: Iterator[dict[str, Any]], file: Any) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row, default=_base64).encode() + b"\n")
        count += 1
    return count


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _write_parquet(rows: Iterator[dict[str, Any]], file: Any) -> int:
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
            ("replays", pa.int64()),
            ("stub", pa.bool_()),
            *((name, pa.string()) for name in _FIELDS),
            ("key", pa.binary()),
            ("value", pa.binary()),
            ("headers", pa.list_(header)),
        ]
    )
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while some := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema))
            count += len(some)
    return count
