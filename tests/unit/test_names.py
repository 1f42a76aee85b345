"""One name, one role: who finds a class by its name finds the one that is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

CODE = Path(__file__).parents[2] / "streamproc"


def test_no_two_classes_have_the_same_name() -> None:
    defined = defaultdict(list)
    for path in sorted(CODE.rglob("*.py")):
        if path.parent.name == "generated":
            continue  # The major versions of a contract have the same types.
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(str(path.relative_to(CODE)))
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}
