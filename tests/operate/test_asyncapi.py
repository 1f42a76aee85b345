"""AsyncAPI's own parser takes the document, and people can browse it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from streamproc.deployment.asyncapi import FILE, document

TOOLS = Path(__file__).with_name("asyncapi")
COMMITTED = Path(__file__).parents[2] / FILE

ERROR = 0
"""Of a diagnostic's severity: as in JSON Schema's linters, 0 is an error, 2 a hint."""


def node(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["node", *map(str, arguments)], cwd=TOOLS, capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


def checked(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(node("check.mjs", file))
    return found


def test_the_official_parser_takes_it() -> None:
    found = checked(COMMITTED)
    assert found["valid"]
    assert [one for one in found["diagnostics"] if one["severity"] == ERROR] == []
    assert found["channels"] == [channel["address"] for channel in document()["channels"].values()]


@pytest.mark.parametrize("broken", ["action", "avro"])
def test_it_would_not_take_a_broken_one(broken: str, tmp_path: Path) -> None:
    made = document()
    if broken == "action":
        made["operations"]["receive_reading_activity_v1"]["action"] = "reads"
    else:
        made["components"]["messages"]["reading_activity_v1"]["payload"]["schema"] = {"type": "no type of Avro's"}
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(made))
    assert not checked(file)["valid"]


def test_it_can_be_browsed_without_a_network(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    node("page.mjs", COMMITTED, page)
    shown = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=15000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    body = shown.rpartition("</script>")[0].rpartition('<div id="asyncapi"')[2].partition("<script>")[0]
    for text in ("reading.activity.v1.dlq", "learner_id", "Exactly one result", "ce_subject"):
        assert text in body
