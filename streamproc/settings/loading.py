"""Reading the tree: every problem is told at once, in the words of whoever set it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings.kubernetes import service_links
from streamproc.settings.reference import documentation
from streamproc.settings.tree import Settings
from streamproc.settings.variables import CONFIG_VARIABLE, PREFIX, variable


def load() -> Settings:
    """Read and check every setting.

    Raises:
        StreamprocError: SETTINGS_INVALID, with all problems in one message, a line each.
    """
    problems = list(_unknown_variables())
    file: dict[str, Any] = {}
    try:
        file = _file()
    except StreamprocError as error:
        problems.append(error.message)
    try:
        settings = Settings(**file)
    except ValidationError as error:
        problems += [_describe(detail) for detail in error.errors(include_input=False)]
    if problems:
        # A misspelt variable is both unknown to us and, where its section is known, to the validation.
        raise StreamprocError(ErrorCode.SETTINGS_INVALID, "\n".join(dict.fromkeys(problems)))
    return settings


def given(section: str, name: str) -> str:
    """What the environment or the file says of a setting that is a text; empty where neither does.

    Raises:
        StreamprocError: SETTINGS_INVALID, the file cannot be read.
    """
    if value := os.environ.get(variable(section, name)):
        return value
    table = _file().get(section, {})
    return str(table.get(name, "")) if isinstance(table, dict) else ""


def _file() -> dict[str, Any]:
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError as error:
        reason = f"is not TOML: {error}"
    raise StreamprocError(ErrorCode.SETTINGS_INVALID, f"{CONFIG_VARIABLE}: {path} {reason}")


def _unknown_variables() -> Iterator[str]:
    """Variables with our prefix that name no setting: a typing mistake must not be silence."""
    known = {name for name, _, _, _ in documentation()} | {CONFIG_VARIABLE}
    ours = known | {f"{PREFIX}{section}".upper() for section in Settings.model_fields} | set(service_links(PREFIX))
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in ours:
            yield f"{name}: {_no_such_setting(name, known)}"


_RENAMED = {
    variable("triton", "url"): f"{variable('triton', 'urls')} now, and takes several, separated by commas",
    variable("triton", "max_in_flight"): f"{variable('triton', 'max_audio_seconds')} now, and counts seconds of audio",
}
"""What settings of earlier versions are called."""


def _no_such_setting(name: str, known: Iterable[str]) -> str:
    if name in _RENAMED:
        return f"it is called {_RENAMED[name]}"
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    meant = f": did you mean {nearest[0]}?" if nearest else ""
    return f"there is no such setting{meant} ('streamproc settings' lists them)"


_WANTED = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": 'must be a list; in the environment write JSON, for example ["a", "b"]',
    "dict_type": 'must be a table; in the environment write JSON, for example {"a": 1}',
    "model_type": "is a section: its settings have variables of their own ('streamproc settings' lists them)",
}
"""Words for what pydantic says in Python's terms, by its type of error."""


def _describe(detail: ErrorDetails) -> str:
    section, *rest = (str(part) for part in detail["loc"])
    name = variable(section, rest[0]) if rest else f"{PREFIX}{section}".upper()
    if detail["type"] == "extra_forbidden":
        return f"{name}: {_no_such_setting(name, (known for known, _, _, _ in documentation()))}"
    message = _WANTED.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    first, _, others = message.partition(" ")
    # What a section says of several of its settings begins with the one that is wrong.
    if not rest and variable(section, first) in {known for known, _, _, _ in documentation()}:
        return f"{variable(section, first)}: {others}"
    return f"{name}: {message}"
