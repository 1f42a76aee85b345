"""Logs: one JSON object a line for machines, readable lines for people, one renderer for ours and Faust's."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys
import stamina, structlog
from streamproc.settings import LogSettings
from streamproc.telemetry import logs

logs.configure(LogSettings(level=sys.argv[1], format=sys.argv[2]))
log = structlog.get_logger("streamproc.test")
log.debug("a detail")
log.warning("dead letter", code="AUDIO_EMPTY", partition=3, text="two\\nlines ü")
logging.getLogger("faust.worker").info("chatter of Faust")
logging.getLogger("faust.worker").error("Faust says %s", "why")
for attempt in stamina.retry_context(on=ValueError, attempts=2, wait_initial=0.001):
    with attempt:
        if attempt.num == 1:
            raise ValueError("told by whoever tries again")
try:
    raise ValueError("broken")
except ValueError:
    log.exception("unexpected")
"""


def run(level: str, form: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, level, form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "", "logs belong on standard error"
    return done.stderr.splitlines()


@pytest.mark.parametrize("form", ["json", "auto"])
def test_json_without_a_terminal(form: str) -> None:
    records = [json.loads(line) for line in run("INFO", form)]
    assert [record["event"] for record in records] == ["dead letter", "Faust says why", "unexpected"]
    letter, faust, unexpected = records
    assert letter.items() >= {"code": "AUDIO_EMPTY", "partition": 3, "level": "warning"}.items()
    assert letter["text"] == "two\nlines ü"
    assert letter["logger"] == "streamproc.test"
    assert letter["timestamp"].endswith("Z")
    assert (faust["level"], faust["logger"]) == ("error", "faust.worker")
    assert "ValueError: broken" in unexpected["exception"]


def test_the_level_is_obeyed() -> None:
    assert json.loads(run("DEBUG", "json")[0])["event"] == "a detail"
    assert [json.loads(line)["event"] for line in run("ERROR", "json")] == ["Faust says why", "unexpected"]


def test_console_without_a_terminal_has_no_colours() -> None:
    text = "\n".join(run("INFO", "console"))
    assert "\x1b" not in text
    assert "dead letter" in text
    assert "code=AUDIO_EMPTY" in text


def test_auto_is_colourful_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCRIPT, "INFO", "auto"]
    process = subprocess.run(command, stderr=theirs, timeout=60, check=True)
    os.close(theirs)
    text = os.read(ours, 65_536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "\x1b[" in text
    assert "dead letter" in text
