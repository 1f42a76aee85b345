"""The committed rules are those of the code, and who is called finds a page whose commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from streamproc.cli import cli
from streamproc.telemetry.alerting.alert import Alert, Scale
from streamproc.telemetry.alerting.rules import FOLDER, all_alerts, files
from streamproc.telemetry.catalogue import METRICS, exposed

ROOT = Path(__file__).parents[4]
RUNBOOKS = ROOT / "docs/runbooks"
SECTIONS = ["Meaning", "First look", "Likely causes", "Commands", "Escalation"]
PAGES = sorted({f"{alert.runbook}.md" for alert in all_alerts()})


@pytest.mark.parametrize("name", files())
def test_the_committed_files_are_what_the_code_makes(name: str) -> None:
    assert (ROOT / FOLDER / name).read_text("utf-8") == files()[name], (
        "run python -m streamproc.telemetry.alerting.rules"
    )


@pytest.mark.parametrize("alert", all_alerts(), ids=lambda alert: alert.name)
def test_an_alert_asks_for_what_is_measured_or_recorded(alert: Alert) -> None:
    recorded = set(re.findall(r"record: (\S+)", files()["recording.yaml"]))
    histogram = [f"{exposed(name)}{part}" for name in METRICS for part in ("_bucket", "_count")]
    known = {*recorded, *map(exposed, METRICS), *histogram}
    asked = set(
        re.findall(r"(?:objective:)?streamproc[a-z_]*(?::\w+)?\b(?=[{\[)] | |\{|\[|\))", alert.expression(Scale()))
    )
    assert asked
    assert asked <= known


@pytest.mark.parametrize("alert", all_alerts(), ids=lambda alert: alert.name)
def test_every_alert_has_its_runbook(alert: Alert) -> None:
    page = (RUNBOOKS / f"{alert.runbook}.md").read_text("utf-8")
    assert f"`{alert.name}`" in page
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    row = f"| `{alert.name}` | {alert.severity} |"
    assert row in (RUNBOOKS / "README.md").read_text("utf-8")


def test_no_runbook_is_left_without_its_alert() -> None:
    assert sorted(page.name for page in RUNBOOKS.glob("*.md")) == sorted([*PAGES, "README.md", "post-incident.md"])


def commands(page: str) -> set[str]:
    """The lines of a page that call streamproc, in blocks and in the text."""
    text = (RUNBOOKS / page).read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return {line.split("#")[0].strip() for line in blocks.splitlines() if line.startswith("streamproc ")} | set(
        re.findall(r"`(streamproc [^`]+)`", text)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_runbook_exists(page: str) -> None:
    found = commands(page)
    assert found
    for line in found:
        words = shlex.split(line)[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while isinstance(command, click.Group) and words:
            step = command.get_command(context, words.pop(0))
            assert step is not None, line
            command = step
        options = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_a_drill_divides_windows_and_waits_and_no_promise() -> None:
    scale = Scale(120)
    assert [scale("1h"), scale("5m"), scale("30s"), scale("28d")] == ["30000ms", "2500ms", "250ms", "20160000ms"]
    drilled = files(scale)["alerts.yaml"]
    assert "[15000ms]" in drilled
    assert "oldest_age_seconds) > 60" in drilled
    assert not re.search(r"(\[|for: )\d+[smhd]\b", drilled)
    with pytest.raises(ValueError, match="an hour"):
        scale("an hour")
