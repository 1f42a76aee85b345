"""The reference pages say what the code does."""

from __future__ import annotations

import pytest

from streamproc.deadletter.reference import FOLDER, PAGES, errors_table, filled, headers_table
from streamproc.errors import ErrorCode


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    page = (FOLDER / name).read_text()
    assert page == filled(page, PAGES[name]()), "run: python -m streamproc.deadletter.reference"


def test_every_code_has_a_row() -> None:
    table = errors_table()
    for code in ErrorCode:
        assert f"| `{code.name}` | {code.stage.value} | {code.meaning} |" in table


def test_the_names_of_connect_and_streams_stand_beside_ours() -> None:
    row = "| `streamproc.error.source.offset` | Its offset. | `__connect.errors.offset` | `__streams.errors.offset` |"
    assert row in headers_table()
