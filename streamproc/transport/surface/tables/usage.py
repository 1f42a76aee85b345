"""Which tables an app's agents use, as their code tells: a table belongs to its source's partitions, and nobody says to
which. What the code does not show is found out at the first use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import faust
from faust.types.tables import CollectionT

#: Whose code knows of no app's tables.
_FOREIGN = frozenset({*sys.stdlib_module_names, "faust", "mode"} - {"__main__"})
_DRIVER = "streamproc.transport"
#: Of an agent that makes other streams of its own, nobody can tell which one's events use a table.
_OTHER_STREAMS = frozenset({"group_by", "through"})
_MOST_THINGS = 2_000
_MOST_ITEMS = 100


class Usage:
    """By table the topics that agents read whose code names it."""

    def __init__(self, app: faust.App) -> None:
        #: Those whose events use it, as far as that is certain;
        self.certain: dict[str, set[str]] = {}
        #: and those whose events may.
        self.possible: dict[str, set[str]] = {}
        #: Those of agents that pass events on: theirs may use it, or what is passed on, or both.
        self.passing_on: dict[str, set[str]] = {}
        #: What agents read.
        self.read: set[str] = set()
        for agent in app.agents.values():
            topics = set(getattr(agent.channel, "topics", ()))
            self.read |= topics
            names = _Names(app)
            names.walk(agent.fun)
            for table in names.tables:
                self.possible.setdefault(table, set()).update(topics)
                known = self.passing_on if names.words & _OTHER_STREAMS else self.certain
                known.setdefault(table, set()).update(topics)

    def may_be(self, table: str, topic: str) -> bool:
        """Whether events of a topic may use a table: not if other agents name it, and none of this topic."""
        named = self.possible.get(table)
        return named is None or topic in named or topic not in self.read

    def may_be_passed_on(self, table: str, topic: str) -> bool:
        """Whether a topic may be one in between, of an agent that names the table."""
        return table in self.passing_on and topic not in self.read


class _Names:
    """What a function's code names, and that of the functions that it names."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self.tables: set[str] = set()
        self.words: set[str] = set()
        self._seen: set[tuple[int, ...]] = set()

    def walk(self, function: Any) -> None:
        """Look at a function, and at all that it may call."""
        left = [function]
        while left and len(self._seen) < _MOST_THINGS:
            found = left.pop()
            # A bound method is made whenever it is asked for, and its place in memory used again.
            bound = isinstance(found, MethodType)
            this = (id(found.__func__), id(found.__self__)) if bound else (id(found),)
            if this in self._seen:
                continue
            self._seen.add(this)
            if isinstance(found, CollectionT):
                self.tables.add(found.name)
            elif isinstance(found, list | tuple | dict) and len(found) <= _MOST_ITEMS:
                left += found.values() if isinstance(found, dict) else found
            elif isinstance(found, partial):
                left += [found.func, *found.args, *found.keywords.values()]
            elif isinstance(found, MethodType):
                left += [found.__func__, *self._attributes(found.__self__, _words(found.__func__))]
            elif isinstance(found, FunctionType) and not _is_foreign(found.__module__):
                left += self._named_by(found)

    def _named_by(self, function: FunctionType) -> Iterator[Any]:
        words = _words(function)
        self.words |= words
        variables = {**_globals(function, words), **_closure(function)}
        for value in variables.values():
            yield value
            yield from self._attributes(value, words)
        if "tables" in words:  # app.tables["counts"]
            self.tables |= self._app.tables.keys() & set(_texts(function.__code__))
        yield from (function.__wrapped__,) if hasattr(function, "__wrapped__") else ()

    @staticmethod
    def _attributes(owner: Any, words: Iterable[str]) -> Iterator[Any]:
        """What these words may mean of an object: attributes of its own, methods, or a module's content."""
        kind = owner if isinstance(owner, type) else type(owner)
        mine = getattr(owner, "__dict__", {})
        if _is_foreign(owner.__name__ if isinstance(owner, ModuleType) else kind.__module__):
            if not isinstance(owner, ModuleType | type):
                # What wraps a table: its windows, a Deduplicator.
                yield from (value for value in mine.values() if isinstance(value, CollectionT))
            return
        for word in words:
            if word in mine:
                yield mine[word]
            else:
                method = next((one.__dict__[word] for one in kind.__mro__ if word in one.__dict__), None)
                if isinstance(method, FunctionType):
                    yield method if isinstance(owner, type) else MethodType(method, owner)


def _is_foreign(module: str | None) -> bool:
    name = module or ""
    return name.partition(".")[0] in _FOREIGN or name.startswith(_DRIVER)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _words(function: Any) -> set[str]:
    return {name for code in _codes(function.__code__) for name in (*code.co_names, *code.co_freevars)}


def _texts(code: CodeType) -> Iterator[str]:
    return (text for one in _codes(code) for text in one.co_consts if isinstance(text, str))


def _globals(function: FunctionType, words: Iterable[str]) -> dict[str, Any]:
    return {word: function.__globals__[word] for word in words if word in function.__globals__}


def _closure(function: FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # assigned later
            continue
    return found
