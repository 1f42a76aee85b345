"""Whether the values of an event are of the types that its fields say: what a type checker would find, at run time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from streamproc.contracts.ranges import int32


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def kind_problems(value: object, kind: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Where a value is not of its kind, and what is wrong; the value itself is never quoted.

    Args:
        value: an event, or a part of one.
        kind: its class, or the annotation of its field: as the generated events have them.
        where: its name; empty: the event itself.
    """
    if get_origin(kind) is UnionType:
        kinds = get_args(kind)
        if value is None and NoneType in kinds:
            return
        kind = next(one for one in kinds if one is not NoneType)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple | list):
            yield where, f"is {_name(type(value))}, not a tuple"
            return
        for index, item in enumerate(value):
            yield from kind_problems(item, get_args(kind)[0], f"{where}[{index}]")
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        yield where, f"is {_name(type(value))}, not {_name(kind)}"
    elif is_dataclass(value):
        event: Any = type(value)
        hints = _hints(event)
        for field in fields(value):
            inner = f"{where}.{field.name}" if where else field.name
            yield from kind_problems(getattr(value, field.name), hints[field.name], inner)
    else:
        yield from _value_problems(value, where)


def _value_problems(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Enum | datetime):
        return
    try:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, int):
            int32(value)
    except UnicodeEncodeError:
        yield where, "is no text: it holds half of a surrogate pair"
    except ValueError:
        yield where, "has more than 32 bits"


def _name(kind: Any) -> str:
    return "None" if kind is NoneType else f"{'an' if kind.__name__[0] in 'aeiouAEIOU' else 'a'} {kind.__name__}"
