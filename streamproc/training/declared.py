"""What models.toml says of a model that was made anew: its version, its file and its digest; all else stays as written,
comments too."""

from __future__ import annotations

import re


def declared_anew(text: str, name: str, *, version: str, file: str, sha256: str) -> str:
    """The models.toml ``text`` with these three of the model ``name``.

    Raises ValueError where there is no such model, or one of the three is not a line of its table.
    """
    table = re.search(rf"^\[{re.escape(name)}\][^\n]*\n(?:(?!\[)[^\n]*\n?)*", text, re.MULTILINE)
    if table is None:
        raise ValueError(f"models.toml has no table [{name}]")
    changed = table[0]
    for key, value in (("version", version), ("file", file), ("sha256", sha256)):
        line = re.compile(rf'^(\s*{key}\s*=\s*)"[^"\n]*"', re.MULTILINE)
        changed, found = line.subn(rf'\g<1>"{value}"', changed, count=1)
        if not found:
            raise ValueError(f"models.toml, [{name}]: no line {key}")
    return text[: table.start()] + changed + text[table.end() :]
