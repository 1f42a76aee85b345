"""The page about the client shows code that runs: each snippet is part of an example, which other tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamproc import client

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "how-to" / "use-the-client.md").read_text("utf-8")
EXAMPLES = {path.name: path.read_text("utf-8") for path in sorted((DOCS / "examples").glob("*.py"))}
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_part_of_an_example(snippet: str) -> None:
    assert any(snippet in example for example in EXAMPLES.values())


def test_the_page_shows_every_example() -> None:
    assert SNIPPETS
    assert set(EXAMPLES) == set(re.findall(r"examples/(\w+\.py)", PAGE))


def test_the_examples_need_nothing_but_the_client() -> None:
    imported = {module for text in EXAMPLES.values() for module in re.findall(r"from (streamproc[\w.]*) import", text)}
    assert imported == {client.__name__}
