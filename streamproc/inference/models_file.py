"""models.toml: the models by name, each fault with its line and key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.form import Fault, TensorNames

_PART = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_TABLE = re.compile(rf"\s*\[\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]\s*(?:#.*)?$")
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

_WORDS = {
    "missing": "is missing", "extra_forbidden": "unknown key", "model_type": "no table", "dict_type": "no table",
    "int_type": "no whole number", "float_type": "no number", "string_type": "no text in quotes",
    "tuple_type": "no list", "list_type": "no list",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something that is wrong in a models.toml."""

    line: int
    """From 1."""
    key: str
    """Dotted, from the model's name on; empty where the file is no TOML."""
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.key}: {self.message}" if self.key else f"line {self.line}: {self.message}"


class ModelsFileError(StreamprocError):
    """A models.toml that cannot be used: SETTINGS_INVALID (fatal)."""

    def __init__(self, path: Path, problems: list[FileProblem]) -> None:
        self.problems = problems
        super().__init__(ErrorCode.SETTINGS_INVALID, "\n".join(f"{path}: {problem}" for problem in problems))


def read_models(path: Path) -> dict[str, ModelDeclaration]:
    """The models that a file names.

    Raises:
        ModelsFileError: it cannot be read, or something in it is wrong: all of it.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise ModelsFileError(path, [FileProblem(1, "", f"cannot be read: {reason}")]) from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        raise ModelsFileError(path, [FileProblem(line, "", f"no TOML: {_AT_LINE.sub('', str(error))}")]) from None
    lines = key_lines(text)
    found: dict[str, ModelDeclaration] = {}
    problems = [] if content else [FileProblem(1, "", "names no model")]
    for name, table in content.items():
        try:
            found[name] = declared = ModelDeclaration.model_validate(table)
            faults = list(declared.faults())
        except ValidationError as error:
            faults = list(_faults(error))
        problems += [problem_at(lines, (name, *key), message) for key, message in faults]
    if problems:
        raise ModelsFileError(path, problems)
    return found


def problem_at(lines: Mapping[tuple[str, ...], int], key: tuple[str, ...], message: str) -> FileProblem:
    """A problem with the line of its key, or of the table that should have it."""
    known = next((key[:end] for end in range(len(key), 0, -1) if key[:end] in lines), ())
    return FileProblem(lines.get(known, 1), ".".join(key), message)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table and key: tomllib does not tell. ``text`` must be TOML."""
    table: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _path(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            for parent in _prefixes((*table, *_path(key[1]))):
                lines.setdefault(parent, number)
    return lines


def _path(dotted: str) -> tuple[str, ...]:
    parts: list[str] = []
    inner: Any = tomllib.loads(f"{dotted}=0")
    while isinstance(inner, dict):
        ((part, inner),) = inner.items()
        parts.append(part)
    return tuple(parts)


def _prefixes(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (path[:end] for end in range(1, len(path) + 1))


def _faults(error: ValidationError) -> Iterator[Fault]:
    """Each once: a key that is misspelt is not told to be missing too."""
    meant = {(*key[:-1], close) for key in _unknown(error) if (close := _close(key))}
    for one in error.errors():
        if one["type"] != "missing" or _key(one) not in meant:
            yield _fault(one)


def _unknown(error: ValidationError) -> Iterator[tuple[str, ...]]:
    return (_key(one) for one in error.errors() if one["type"] == "extra_forbidden")


def _key(error: Any) -> tuple[str, ...]:
    return tuple(str(part) for part in error["loc"])


def _fields(key: tuple[str, ...]) -> Iterable[str]:
    """The keys that there are where this one is."""
    of_tensors = len(key) > 1 and key[0] in ("tensors", "triton")
    return (TensorNames if of_tensors else ModelDeclaration).model_fields


def _close(key: tuple[str, ...]) -> str:
    return next(iter(difflib.get_close_matches(key[-1], _fields(key), 1)), "")


def _fault(error: Any) -> Fault:
    key, kind = _key(error), error["type"]
    message = _WORDS.get(kind, f"{error['msg'][:1].lower()}{error['msg'][1:]}")
    if key == ("blank",) and kind == "int_type":
        message = "a CTC model has one blank: the number of its place in symbols"
    if key == ("sha256",) and kind == "string_pattern_mismatch":
        message = "no SHA-256: 64 digits, 0-9 and a-f, are needed"
    if key[:1] == ("mapping",) and isinstance(error["input"], list):
        message = "a symbol that is several phonemes of ours is not supported: map it to one, or to '' for the blank"
    if kind == "extra_forbidden":
        close = _close(key)
        message += f": did you mean {close}?" if close else f": there are {', '.join(_fields(key))}"
    return key, message
