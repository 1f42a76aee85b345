"""What `streamproc replay` refuses before it asks Kafka anything."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streamproc.cli.replay import command


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a/b", "--from", "1h", "--into-live"], "NAME"),
        (["a", "--from", "1h"], "say where results go"),
        (["a", "--from", "1h", "--into-live", "--results", "another"], "say where results go"),
        (["a", "--from", "1h", "--to", "2h", "--into-live"], "--from must be before --to"),
        (["a", "--from", "1h", "--to", "2999-01-01", "--into-live"], "not in the future"),
        (["a", "--from", "1h", "--into-live", "--rate", "0"], "--rate"),
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
