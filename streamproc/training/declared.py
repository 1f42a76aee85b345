"""What models.toml says of a model that was made anew: its version, its file and its digest; all else stays as written,
comments too."""

from __future__ import annotations

import re
from collections.abc import Sequence

_A_ROW = 16


def declared_anew(text: str, name: str, *, version: str, file: str, sha256: str) -> str:
    """The models.toml ``text`` with these three of the model ``name``.

    Raises ValueError where there is no such model, or one of the three is not a line of its table.
    """
    table = _table(text, name)
    changed = table[0]
    for key, value in (("version", version), ("file", file), ("sha256", sha256)):
        line = re.compile(rf'^(\s*{key}\s*=\s*)"[^"\n]*"', re.MULTILINE)
        changed, found = line.subn(rf'\g<1>"{value}"', changed, count=1)
        if not found:
            raise ValueError(f"models.toml, [{name}]: no line {key}")
    return text[: table.start()] + changed + text[table.end() :]


def fingerprinted_anew(text: str, name: str, fingerprint: Sequence[int]) -> str:
    """The models.toml ``text`` with this fingerprint of the model ``name``, beneath its SHA-256 where it had none.

    Raises ValueError where there is no such model, or its SHA-256 is not a line of its table.
    """
    table = _table(text, name)
    rows = (fingerprint[row : row + _A_ROW] for row in range(0, len(fingerprint), _A_ROW))
    written = "".join(f"    {', '.join(map(str, row))},\n" for row in rows)
    line = f"fingerprint = [\n{written}]\n"
    changed, found = re.subn(r"^\s*fingerprint\s*=\s*\[[^\]]*\][^\n]*\n", line, table[0], count=1, flags=re.MULTILINE)
    if not found:
        changed, found = re.subn(r"^\s*sha256\s*=[^\n]*\n", rf"\g<0>{line}", table[0], count=1, flags=re.MULTILINE)
    if not found:
        raise ValueError(f"models.toml, [{name}]: no line sha256")
    return text[: table.start()] + changed + text[table.end() :]


def _table(text: str, name: str) -> re.Match[str]:
    table = re.search(rf"^\[{re.escape(name)}\][^\n]*\n(?:(?!\[)[^\n]*\n?)*", text, re.MULTILINE)
    if table is None:
        raise ValueError(f"models.toml has no table [{name}]")
    return table
