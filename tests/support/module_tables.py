"""The tables of inputs and outputs in the modules' README.md, from their variables.tf and outputs.tf.

``python -m support.module_tables`` (in tests/) writes them anew. It reads what `terraform fmt` has formatted: a block
begins at a line's start and its arguments stand two spaces in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from support.terraform import FOLDER

BEGIN, END = "<!-- inputs and outputs: generated -->", "<!-- end -->"

_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"^  (\w+) += (.*(?:\n(?:    .*|  [\]})]+|))*)", re.MULTILINE)


def modules() -> list[Path]:
    """The modules' folders."""
    return sorted(path.parent for path in FOLDER.glob("modules/*/variables.tf"))


def table(module: Path) -> str:
    """What stands between BEGIN and END in a module's README.md."""
    return "\n".join(_lines(module))


def page(module: Path) -> str:
    """The module's README.md as it should be."""
    text = (module / "README.md").read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(module)}\n\n{END}{after}"


def _lines(module: Path) -> Iterator[str]:
    yield "| Input | Type | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for name, arguments in _blocks(module / "variables.tf", "variable"):
        kind = " ".join(arguments["type"].split())
        default = " ".join(arguments["default"].split()) if "default" in arguments else ""
        told = f"`{default}`" if default else "required"
        meaning = _text(arguments["description"]) + (" Secret." if "sensitive" in arguments else "")
        yield f"| `{name}` | `{kind}` | {told} | {meaning} |"
    yield ""
    yield "| Output | Meaning |"
    yield "| --- | --- |"
    for name, arguments in _blocks(module / "outputs.tf", "output"):
        yield f"| `{name}` | {_text(arguments['description'])} |"


def _blocks(file: Path, kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    for found, name, body in _BLOCK.findall(file.read_text("utf-8")):
        if found == kind:
            yield name, dict(_ARGUMENT.findall(body))


def _text(value: str) -> str:
    return value.strip().strip('"').replace('\\"', '"').replace("|", "\\|")


if __name__ == "__main__":
    for one in modules():
        (one / "README.md").write_text(page(one), "utf-8")
