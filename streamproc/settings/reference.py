"""What there is to set, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import (
    BaseModel,
    SecretStr,
)
from pydantic.fields import FieldInfo

from streamproc.settings.tree import Settings
from streamproc.settings.variables import variable

LIVE = {
    ("worker", "max_in_flight"),
    ("triton", "max_audio_seconds"),
    ("inference", "fallback"),
    ("scoring", "decode"),
    ("log", "debug_share"),
}
"""What `streamproc models live` changes while workers run."""

_LIVE = "Live: `streamproc models live` changes it while workers run."


def documentation() -> Iterator[tuple[str, str, str, str]]:
    """Yield (variable, type, default, meaning) of every setting, in the tree's order."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, setting in model.model_fields.items():
            yield (
                variable(section, name),
                _type_name(setting),
                _default(getattr(field.default, name)),
                f"{setting.description or ''} {_LIVE if (section, name) in LIVE else ''}".strip(),
            )


def _type_name(field: FieldInfo) -> str:
    """The type in words, with its bounds."""
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(choice or "(empty)" for choice in get_args(annotation))
    words = next((words for kind, words in _TYPE_NAMES if kind in (annotation, get_origin(annotation))), "path")
    bounds = [f"{_BOUNDS[type(bound)]} {value:.10g}" for bound in field.metadata for value in _bound(bound)]
    return " ".join([words, " and ".join(bounds)]).strip()


_TYPE_NAMES = (
    (bool, "true or false"),
    (str, "text"),
    (int, "integer"),
    (float, "number"),
    (SecretStr, "secret"),
    (tuple, "list"),
    (dict, "table"),
)
_BOUNDS = {Ge: "from", Gt: "above", Le: "up to"}


def _bound(bound: object) -> Iterator[float]:
    match bound:
        case Ge(ge=int() | float() as value) | Gt(gt=int() | float() as value) | Le(le=int() | float() as value):
            yield value


def _default(value: Any) -> str:
    if isinstance(value, tuple | dict):
        return json.dumps(value) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, SecretStr) or value is None else str(value)
