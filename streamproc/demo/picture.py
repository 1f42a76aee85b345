"""The picture of a run in the documentation: ``python -m streamproc.demo.picture docs/images/demo.svg`` makes it."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from streamproc.demo import report
from streamproc.demo.progress import Display
from streamproc.demo.run import run

WIDTH = 96
"""Columns."""

FIRST, LAST = 12, 2
"""Readings that are shown from the beginning and from the end: all thirty would fill a page."""

_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def picture(folder: Path) -> str:
    """Run the demonstration with the local stack in ``folder`` and draw its end as an SVG, without web fonts."""
    shown = run(folder, Display(Console(stderr=True)), keep=False)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(report.table([*shown.rows[:FIRST], *shown.rows[-LAST:]], WIDTH))
    console.print(Text(f"({len(shown.rows) - FIRST - LAST} more readings are left out of this picture)", "dim"))
    console.print()
    console.print(report.legend())
    console.print()
    console.print(report.summary(shown.rows, shown.problems))
    return _WEB_FONT.sub("", console.export_svg(title="streamproc demo", unique_id="demo"))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(Path(".local")))
