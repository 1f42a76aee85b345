"""What `streamproc replay` refuses before it asks Kafka anything, and how it leaves a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from streamproc import settings
from streamproc.agents.backfill import Backfill
from streamproc.cli import replay
from streamproc.cli.replay import command
from streamproc.cli.replay_watch import ReplayWatch
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.history import History
from streamproc.kafka.places import OffsetRange
from streamproc.kafka.runs import ReplayRun

PART = History("reading.activity.v1", [OffsetRange(0, 0, 10)])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a/b", "--from", "1h", "--into-live"], "NAME"),
        (["a", "--from", "1h", "--into-live", "--results", "another"], "say where results go"),
        (["a", "--from", "1h", "--to", "2h", "--into-live"], "--from must be before --to"),
        (["a", "--from", "1h", "--to", "2999-01-01", "--into-live"], "must not be in the future"),
        (["a", "--from", "1h", "--into-live", "--rate", "0"], "--rate"),
        (["a", "--from", "1h", "--into-live", "--rate", "nan"], "nan is no number"),
        (["a", "--from", "1h", "--results", ""], "--results: letters"),
        (["a", "--from", "1h", "--results", "a topic"], "--results: letters"),
        (["a", "--from", "1h", "--results", "reading.activity.v1"], "reading.activity.v1 is a topic of the live"),
        (["a", "--from", "1h", "--results", "reading.activity.v1.dlq"], "take another, or --into-live"),
        (["a", "--from", "1h", "--results", "reading.result.v1"], "reading.result.v1 is a topic of the live"),
        (["a", "--from", "1h", "--results", "reading.result.v2"], "reading.result.v2 is a topic of the live"),
        (["a", "--from", "1h", "--results", "streamproc.control.v1"], "take another, or --into-live"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], told: str) -> None:
    refused = CliRunner().invoke(command, arguments)
    assert refused.exit_code == 2
    assert told in refused.output


def test_several_versions_of_results_need_the_live_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__RESULT_MAJORS", "[1, 2]")
    refused = CliRunner().invoke(command, ["a", "--from", "1h", "--results", "another"])
    assert refused.exit_code == 2
    assert "STREAMPROC_KAFKA__RESULT_MAJORS" in refused.output


def test_what_is_said_at_the_end_stays_on_the_terminal_and_the_cursor_is_there_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        backfill = Backfill("a", {0: 10})
        watch = ReplayWatch(settings.load(), PART, backfill)
        watch.start()
        backfill.begun.set()
        shown = b""
        while b"10 left" not in shown:
            shown += os.read(ours, 4096)
        watch.stop()
        watch.join()
        screen.write("not done")
        screen.flush()
        while b"not done" not in shown:
            shown += os.read(ours, 4096)
    os.close(ours)
    before, after = shown.split(b"not done")
    assert before.rfind(b"\x1b[?25h") > before.rfind(b"\x1b[?25l"), "the cursor stays hidden"
    assert before.endswith(b"\x1b[2K"), "the bar is not wiped away"
    assert after == b""


@pytest.mark.parametrize(
    ("said", "level"), [({}, "WARNING"), ({"LEVEL": "INFO"}, "INFO"), ({"FORMAT": "json"}, "WARNING")]
)
def test_on_a_terminal_no_line_an_activity_buries_the_bar_unless_it_is_asked_for(
    said: dict[str, str], level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STREAMPROC_LOG__LEVEL", raising=False)
    for name, value in said.items():
        monkeypatch.setenv(f"STREAMPROC_LOG__{name}", value)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        run = ReplayRun(PART, 0, 1, "", "", "another", False, "phonemes", "2", "a" * 64)
        assert replay._settings(settings.load(), "a", run).log.level == level
    os.close(ours)


def test_a_run_of_nothing_names_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = ReplayRun(History("reading.activity.v1", []), 0, 1, "", "", "another", False, "", "", "")
    with pytest.raises(SystemExit) as ended:
        replay._Session("a", settings.load(), nothing, None, as_json=True).end(0)
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["model"] is None


def test_a_registry_that_refuses_the_results_leaves_no_topics_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the topic of --results has events of another schema."""

    def refused(*_: object) -> None:
        raise StreamprocError(ErrorCode.SCHEMA_REFUSED, "another record")

    def create(*_: object, **__: object) -> list[str]:
        raise AssertionError("topics are made")

    monkeypatch.setattr(replay, "with_registry", refused)
    monkeypatch.setattr("streamproc.kafka.topics.create", create)
    with pytest.raises(StreamprocError, match="another record"):
        replay._prepare(settings.load(), settings.load())


STANDS_BACK = """
import os
from pathlib import Path
from streamproc.cli.replay import _stand_back

_stand_back()
group = Path("/proc/self/autogroup")
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text().split()[-1] if group.exists() else "")
"""


def test_all_else_on_its_machine_goes_before_it() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    done = subprocess.run([sys.executable, "-c", STANDS_BACK], capture_output=True, text=True, start_new_session=True)
    assert done.returncode == 0, done.stderr
    process, *session = done.stdout.split()
    assert int(process) == min(19, ours + replay.NICENESS)
    assert session in ([], [str(replay.NICENESS)])
