"""The unit tests lie in rooms as the code does: who knows where something is handled knows where it is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
UNIT = TESTS / "unit"
CODE = TESTS.parent / "streamproc"

SUITES = sorted(path.name for path in TESTS.iterdir() if (path / "__init__.py").exists() and path.name != "support")
ROOMS = sorted(path for path in UNIT.rglob("*") if path.is_dir() and path.name != "__pycache__")
FILES = sorted(path for path in UNIT.rglob("test_*.py") if path.parent != UNIT)


def imports(file: Path) -> set[str]:
    """The modules and names that a file imports, dotted."""
    found: set[str] = set()
    for module, names in re.findall(
        r"^\s*from ([\w.]+) import (\([^)]*\)|[^\n]*)", file.read_text("utf-8"), re.MULTILINE
    ):
        found |= {module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))}
    return found


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.relative_to(UNIT)))
def test_every_room_of_the_tests_is_one_of_the_code(room: Path) -> None:
    place = room.relative_to(UNIT)
    rooms = (CODE / place, (CODE / place).with_suffix(".py"), TESTS / place)
    assert any(path.exists() for path in rooms)


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(UNIT)))
def test_every_test_is_of_its_room(file: Path) -> None:
    room = ".".join(file.parent.relative_to(UNIT).parts)
    wanted = (f"streamproc.{room}", room)
    assert any(name == one or name.startswith(f"{one}.") for name in imports(file) for one in wanted)


@pytest.mark.parametrize("suite", SUITES)
def test_suites_share_what_lies_in_support(suite: str) -> None:
    others = {other for other in SUITES if other != suite}
    found = [(file.name, name) for file in (TESTS / suite).rglob("*.py") for name in imports(file)]
    assert not [(file, name) for file, name in found if name.split(".")[0] in others]


def test_no_folder_is_empty() -> None:
    folders = {path.parent for path in TESTS.rglob("*.py")}
    full = {path.parent for path in TESTS.rglob("*.py") if path.name != "__init__.py"}
    assert not sorted(
        str(folder.relative_to(TESTS)) for folder in folders if not any(one.is_relative_to(folder) for one in full)
    )
