"""The reference pages' tables, from the code: ``python -m streamproc.deadletter.reference`` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streamproc.deadletter.envelope import FIELDS, PREFIX
from streamproc.errors import ErrorClass, ErrorCode

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"

_CLASSES = {
    ErrorClass.POISON: "The event's own fault: it becomes a dead letter at once, or its phrase is marked failed while "
    "other phrases of the activity can be scored.",
    ErrorClass.TRANSIENT: "The world's fault: tried again, then waited for while the worker is paused. It never makes "
    "a dead letter.",
    ErrorClass.FATAL: "The worker's configuration, or Kafka: the worker stops and says why. Nothing is lost.",
}


def errors_table() -> str:
    """Every error code, by class."""
    parts = []
    for error_class, meaning in _CLASSES.items():
        codes = [code for code in ErrorCode if code.error_class is error_class]
        rows = [(f"`{code.name}`", code.stage.value, code.meaning) for code in codes]
        parts.append(
            f"## {error_class.value.capitalize()}\n\n{meaning}\n\n{_table(('code', 'stage', 'meaning'), rows)}"
        )
    return "\n\n".join(parts)


def headers_table() -> str:
    """Every header of the error block, with the names of Kafka Connect and Kafka Streams."""
    rows = [(f"`{PREFIX}{one.name}`", one.meaning, _code(one.connect), _code(one.streams)) for one in FIELDS]
    return _table(("header", "meaning", "Kafka Connect", "Kafka Streams (KIP-1034)"), rows)


PAGES = {"errors.md": errors_table, "dead-letters.md": headers_table}
"""Page -> what stands between its BEGIN and END."""


def filled(page: str, content: str) -> str:
    """The page with this content between its marks."""
    head, rest = page.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return f"{head}{BEGIN}\n\n{content}\n\n{END}{tail}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


if __name__ == "__main__":
    for name, table in PAGES.items():
        path = FOLDER / name
        path.write_text(filled(path.read_text(), table()))
