"""``streamproc models gate``: what it says, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cli

CHAMPION: dict[str, Any] = {
    "model_sha256": "c" * 64, "recordings_sha256": "d" * 64, "clips": 100, "unscorable": 0, "words": 500,
    "false_alarms": 0.05, "detection": 0.6,
}  # fmt: skip


def judged(folder: Path, *more: str, **changed: Any) -> Result:
    (folder / "champion.json").write_text(json.dumps(CHAMPION))
    (folder / "new.json").write_text(json.dumps({**CHAMPION, "model_sha256": "a" * 64, **changed}))
    files = [str(folder / "new.json"), "--against", str(folder / "champion.json")]
    return CliRunner().invoke(cli, ["models", "gate", *files, *more])


def test_one_that_is_as_good_has_exit_code_0(tmp_path: Path) -> None:
    ran = judged(tmp_path)
    assert ran.exit_code == 0, ran.output
    assert "it may take the champion's place" in ran.stdout


def test_one_that_is_worse_has_exit_code_1_and_is_told_why(tmp_path: Path) -> None:
    ran = judged(tmp_path, false_alarms=0.09)
    assert ran.exit_code == 1
    assert "refused: false_alarms is 0.0900, the champion's 0.0500; it may be 0.01 worse" in ran.stderr


def test_json_has_each_figure_and_each_refusal(tmp_path: Path) -> None:
    ran = judged(tmp_path, "--json", detection=0.2)
    assert ran.exit_code == 1
    found = json.loads(ran.stdout)
    assert (found["ok"], found["candidate_sha256"], len(found["refusals"])) == (False, "a" * 64, 1)
    assert found["figures"]["detection"] == {"champion": 0.6, "candidate": 0.2, "worse_by": -0.03, "ok": False}


def test_a_bound_may_be_another(tmp_path: Path) -> None:
    assert judged(tmp_path, "--bound", "detection=0.5", detection=0.2).exit_code == 0


@pytest.mark.parametrize(("bound", "told"), [("detection", "is not FIGURE=NUMBER"), ("x=1", "is no figure")])
def test_a_bound_that_is_none_is_told(tmp_path: Path, bound: str, told: str) -> None:
    ran = judged(tmp_path, "--bound", bound)
    assert ran.exit_code == 2
    assert told in ran.stderr


def test_what_is_no_report_is_told(tmp_path: Path) -> None:
    (tmp_path / "champion.json").write_text("[]")
    (tmp_path / "new.json").write_text("[]")
    ran = CliRunner().invoke(
        cli, ["models", "gate", str(tmp_path / "new.json"), "--against", str(tmp_path / "champion.json")]
    )
    assert ran.exit_code == 2
    assert "is no report of 'streamproc models evaluate'" in ran.stderr
