"""The documents' links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "models", "terraform") for page in ROOT.glob(f"{folder}/**/*.md")),
        *ROOT.glob("aligner_mypyc/*.md"),
    ]
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert not missing


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        for link in LINK.findall(page.read_text("utf-8")):
            target = (page.parent / link).resolve()
            found = sorted(target.glob("*.md")) if target.is_dir() else [target]
            new = [path for path in found if path.suffix == ".md" and path not in reached]
            reached.update(new)
            waiting += new
    assert not sorted(str(page.relative_to(ROOT)) for page in set(PAGES) - reached)


def test_the_files_that_contributors_are_sent_to_are_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert len(named) > 20
    assert not [name for name in named if not ((ROOT / name).exists() or (ROOT / "streamproc" / name).exists())]


def test_the_readme_tells_of_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "streamproc").glob("*/__init__.py")}
    told = set(re.findall(r"\(streamproc/([a-z_]+)/\)", (ROOT / "README.md").read_text("utf-8")))
    assert rooms - told == set()
