"""Whether a body is what its writer's schema says: asked before anything is built from it.

fastavro trusts what it reads. A union's or an enum's index below zero counts from Python's last one, an ``int`` may
have 64 bits, what the reader skips may be skipped 2**40 times, and a recursive type overflows the stack. So every body
is walked first, by functions that are made once of a writer's schema. Three rules about the schema bound the walk, and
fastavro's after it, by the body's length:

* No type holds itself: the walk is no deeper than the schema.
* The schema is no deeper than ``MAX_DEPTH``.
* What a record has as a field, or an array as an item, takes at least a byte: no count, and no tree of records,
  promises more work than there are bytes.

Source of the encoding: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 32
"""Types within types; the contracts have up to six."""

Walk = Callable[[bytes, int], int]
"""Takes a body and where a value begins; returns where it ends, perhaps beyond the body's end.

It raises DamagedError, or IndexError where the body ends first.
"""


class UnboundedError(ValueError):
    """A schema whose values cannot be bounded by their length; the message says where."""


class DamagedError(ValueError):
    """A body that is not what its schema says; the message names the place, and quotes nothing."""


def check(walk: Walk, value: bytes, start: int) -> None:
    """Walk the body that begins at ``start`` and must end where ``value`` ends.

    Raises:
        DamagedError: it is not what the schema says.
    """
    try:
        end = walk(value, start)
    except IndexError:
        end = len(value) + 1
    if end > len(value):
        raise DamagedError("the body ends early")
    if end < len(value):
        raise DamagedError(f"{len(value) - end} bytes follow the body")


def walk_of(schema: Any) -> Walk:
    """The walk of a schema that ``fastavro.parse_schema`` has returned.

    Raises:
        UnboundedError: its values cannot be bounded.
    """
    return _Builder().build(schema, "", 0).walk


@dataclass(frozen=True, slots=True)
class _Node:
    walk: Walk
    least: int
    """Bytes that the shortest value takes; more than 1 counts as 1."""
    depth: int


class _Builder:
    """Makes walks of one schema; a named type's is made once, wherever it is used."""

    def __init__(self) -> None:
        self._named: dict[str, _Node | None] = {}  # None: under way

    def build(self, schema: Any, where: str, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise UnboundedError(f"{_short(where)}: more than {MAX_DEPTH} types within types")
        if isinstance(schema, list):
            return self._union(schema, where, depth)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind in _PRIMITIVES:
            return _PRIMITIVES[kind]
        match kind:
            case "record" | "error":
                return self._defined(schema["name"], lambda: self._record(schema, where, depth))
            case "enum":
                return self._defined(schema["name"], lambda: _enum(len(schema["symbols"])))
            case "fixed":
                return self._defined(schema["name"], lambda: _fixed(schema["size"]))
            case "array":
                return _blocks(self._part(schema["items"], f"{where}[]", depth), None)
            case "map":
                # A key takes a byte, whatever the value is.
                return _blocks(self.build(schema["values"], f"{where}{{}}", depth + 1), _walk_sized)
            case str() if kind in self._named:
                return self._reference(kind, where, depth)
        return self.build(kind, where, depth + 1)

    def _part(self, schema: Any, where: str, depth: int) -> _Node:
        node = self.build(schema, where, depth + 1)
        if not node.least:
            raise UnboundedError(f"{_short(where)}: its values take no bytes")
        return node

    def _defined(self, name: str, build: Callable[[], _Node]) -> _Node:
        self._named[name] = None
        node = self._named[name] = build()
        return node

    def _reference(self, name: str, where: str, depth: int) -> _Node:
        node = self._named[name]
        if node is None:
            raise UnboundedError(f"{_short(where)}: a type within itself")
        if depth + node.depth > MAX_DEPTH:
            raise UnboundedError(f"{_short(where)}: more than {MAX_DEPTH} types within types")
        return node

    def _record(self, schema: dict[str, Any], where: str, depth: int) -> _Node:
        fields = [self._part(field["type"], f"{where}.{field['name']}", depth) for field in schema["fields"]]
        walks = tuple(field.walk for field in fields)
        depth_here = 1 + max((field.depth for field in fields), default=0)
        if len(walks) == 1:
            # A chain of records within records costs no step for each of its links.
            return _Node(walks[0], 1, depth_here)

        def walk(body: bytes, place: int) -> int:
            for field in walks:
                place = field(body, place)
            return place

        return _Node(walk, 1 if fields else 0, depth_here)

    def _union(self, schema: list[Any], where: str, depth: int) -> _Node:
        branches = [self.build(branch, where, depth + 1) for branch in schema]
        walks = tuple(branch.walk for branch in branches)
        count = len(walks)

        def walk_optional(body: bytes, place: int) -> int:
            index = body[place]
            if not index:
                return place + 1
            return other(body, place + 1) if index == _SECOND else walk(body, place)

        def walk(body: bytes, place: int) -> int:
            index, after = body[place], place + 1
            if index > _ONE_BYTE:
                index, after = _number(body, place)
            if index & 1 or index >> 1 >= count:
                raise DamagedError(f"no branch of a union has the index at byte {place}")
            return walks[index >> 1](body, after)

        other = walks[-1]
        optional = count == 2 and walks[0] is _walk_null
        return _Node(walk_optional if optional else walk, 1, 1 + max((branch.depth for branch in branches), default=0))


# Numbers are in zigzag code: one that is even stands for its half, one that is odd for a negative number.
_ONE_BYTE = 0x7F
_SECOND = 2
_LONGEST = 10
_INTS, _LONGS = 1 << 32, 1 << 64


def _number(body: bytes, place: int) -> tuple[int, int]:
    """A number of up to 64 bits, still in zigzag code, and where it ends."""
    number = 0
    for index in range(_LONGEST):
        byte = body[place + index]
        number |= (byte & _ONE_BYTE) << 7 * index
        if byte <= _ONE_BYTE:
            if number >= _LONGS:
                break
            return number, place + index + 1
    raise DamagedError(f"a number of more than 64 bits at byte {place}")


def _walk_null(body: bytes, place: int) -> int:
    return place


def _walk_boolean(body: bytes, place: int) -> int:
    if body[place] > 1:
        raise DamagedError(f"neither true nor false at byte {place}")
    return place + 1


def _walk_int(body: bytes, place: int) -> int:
    if body[place] <= _ONE_BYTE:
        return place + 1
    number, end = _number(body, place)
    if number >= _INTS:
        raise DamagedError(f"an int of more than 32 bits at byte {place}")
    return end


def _walk_long(body: bytes, place: int) -> int:
    return place + 1 if body[place] <= _ONE_BYTE else _number(body, place)[1]


def _walk_sized(body: bytes, place: int) -> int:
    """Bytes or a string; whether it is UTF-8 is for those to say who read it."""
    size, end = body[place], place + 1
    if size > _ONE_BYTE:
        size, end = _number(body, place)
    if size & 1:
        raise DamagedError(f"a length below zero at byte {place}")
    return end + (size >> 1)


def _fixed(size: Any) -> _Node:
    if not isinstance(size, int) or size < 0:
        raise UnboundedError("a fixed type's size is no number of bytes")
    return _Node(lambda body, place: place + size, min(size, 1), 1)


def _enum(count: int) -> _Node:
    def walk(body: bytes, place: int) -> int:
        index, end = body[place], place + 1
        if index > _ONE_BYTE:
            index, end = _number(body, place)
        if index & 1 or index >> 1 >= count:
            raise DamagedError(f"no symbol of an enum has the index at byte {place}")
        return end

    return _Node(walk, 1, 1)


def _blocks(item: _Node, key: Walk | None) -> _Node:
    """An array or, with a key, a map: blocks of items, up to one that has none."""
    walk_item = item.walk

    def walk(body: bytes, place: int) -> int:
        while True:
            count, after = body[place], place + 1
            if not count:
                return after
            if count > _ONE_BYTE:
                count, after = _number(body, place)
            end = None
            if count & 1:
                # Below zero: its absolute value counts the items, and the block's size in bytes follows.
                count = count + 1
                size, after = _number(body, after)
                if size & 1:
                    raise DamagedError(f"a block's size below zero at byte {place}")
                end = after + (size >> 1)
            count >>= 1
            if count > len(body) - after:
                raise DamagedError(f"more items than bytes at byte {place}")
            place = after
            if key is None:
                for _ in range(count):
                    place = walk_item(body, place)
            else:
                for _ in range(count):
                    place = walk_item(body, key(body, place))
            if end is not None and place != end:
                raise DamagedError(f"a block's size is not that of its items before byte {place}")

    return _Node(walk, 1, 1 + item.depth)


_PRIMITIVES = {
    "null": _Node(_walk_null, 0, 1),
    "boolean": _Node(_walk_boolean, 1, 1),
    "int": _Node(_walk_int, 1, 1),
    "long": _Node(_walk_long, 1, 1),
    "float": _fixed(4),
    "double": _fixed(8),
    "bytes": _Node(_walk_sized, 1, 1),
    "string": _Node(_walk_sized, 1, 1),
}


def _short(where: str) -> str:
    where = where.removeprefix(".") or "the event"
    return where if len(where) <= 100 else f"{where[:100]}…"
