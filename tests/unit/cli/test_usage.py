"""The command line: wrong usage is told clearly, in JSON where that is asked for, and help teaches by example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from support.holes import hole

from streamproc.cli import cli
from streamproc.cli.local import DEFAULT_FOLDER
from streamproc.localstack.errors import StackError
from streamproc.localstack.stack import LocalStack, Status


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def commands(group: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its words."""
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, *path, name)


COMMANDS = dict(commands(cli))
JSON = [path for path, command in COMMANDS.items() if any("--json" in one.opts for one in command.params)]


@hole("F6")
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_teaches_by_an_example_that_can_be_typed(path: tuple[str, ...]) -> None:
    told = run(*path, "--help")
    assert told.exit_code == 0
    lines = [line.strip() for line in told.stdout.splitlines()]
    assert any(line.startswith(f"streamproc {' '.join(path)}") for line in lines), told.stdout


@hole("F6")
@pytest.mark.parametrize("path", sorted({path[:-1] for path in COMMANDS}), ids=" ".join)
def test_no_line_of_a_list_of_commands_is_cut(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "..." not in run(*path, "--help").stdout.partition("Commands:")[2]


@hole("F6")
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("audio_not_fund", "'audio_not_fund' is no error code: did you mean AUDIO_NOT_FOUND?"),
        ("X" * 9, "'XXXXXXXXX' is no error code ('streamproc dlq stats' tells those of the letters)"),
    ],
)
def test_what_is_no_error_code_is_told_shortly(value: str, told: str) -> None:
    found = run("dlq", "list", "--json", "--code", value)
    assert json.loads(found.stdout)["error"]["message"] == f"Invalid value for '--code': {told}"


@hole("F6")
def test_a_registry_that_does_not_answer_is_told_by_the_setting() -> None:
    found = run("schemas", "plan", "--json", "--url", "http://127.0.0.1:9")
    told = json.loads(found.stdout)["error"]
    assert told["code"] == "REGISTRY_UNAVAILABLE"
    assert told["message"].endswith("(STREAMPROC_REGISTRY__URL)")


@hole("F6")
@pytest.mark.parametrize("path", JSON, ids=" ".join)
def test_an_error_is_json_where_json_is_asked_for(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No command gets anywhere: the settings are wrong, and the local stack's folder is a file.
    monkeypatch.chdir(tmp_path)
    DEFAULT_FOLDER.touch()
    found = run(*path, "--no-such-option", "--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["error"]["code"] == "USAGE"
    wrong = CliRunner().invoke(cli, [*path, "--json"], env={"STREAMPROC_KAFKA__PARTITIONS": "none"})
    if wrong.exit_code and wrong.stdout:
        json.loads(wrong.stdout)
    assert DEFAULT_FOLDER.is_file(), "nothing was started there"


NUMBERS = [
    ("dlq replay", "--rate", ("nan", "inf", "-inf", "0", "-1", "1e-300", "1e300")),
    ("dlq replay", "--max-replays", ("-1", "9" * 19, "9" * 5000, "nan")),
    ("dlq list", "--limit", ("0", "-1", "10000000000000000000", "9" * 5000, "x")),
    ("dlq list", "--since", ("99999999999d", "9" * 5000 + "s", "800000d", "0001-01-01T00:00+23:59x", "²d", "nan")),
    ("dlq stats", "--until", ("99999999999d", "now", "-1d")),
    ("dlq list", "--offset", ("0:" + "9" * 5000, "9999999999:1", "0:9223372036854775808", "0:1-x")),
    ("dlq list", "--after", ("0:" + "9" * 5000, "x", "-1:0")),
    ("reconcile", "--every", ("nan", "inf", "0", "1e300")),
    ("reconcile", "--since", ("99999999999d",)),
]


@hole("F4")
@pytest.mark.parametrize(
    ("command", "option", "value"), [(command, option, value) for command, option, each in NUMBERS for value in each]
)
def test_a_number_out_of_all_bounds_is_wrong_usage(command: str, option: str, value: str) -> None:
    found = run(*command.split(), option, value)
    assert found.exit_code == 2, (found.output, found.exception)
    assert "Error: " in found.stderr
    assert len(found.stderr) < 6000


@hole("F4")
@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize(
    "option",
    [
        pytest.param(option, id=" ".join([*path, option.opts[0]]))
        for path, command in COMMANDS.items()
        for option in command.params
        if isinstance(option.type, click.types.FloatParamType)
    ],
)
def test_what_is_no_number_is_none_for_any_option(option: click.Parameter, value: str) -> None:
    with pytest.raises(click.BadParameter):
        option.type.convert(value, option, None)


@hole("F4")
def test_a_window_that_ends_before_it_begins_is_wrong_usage() -> None:
    assert run("dlq", "list", "--since", "1h", "--until", "2h").exit_code == 2


@hole("F6")
@pytest.mark.parametrize("option", [("--code", "audio_not_found"), ("--stage", "DECODE"), ("--state", "Open")])
def test_codes_stages_and_states_are_taken_in_any_case(option: tuple[str, str]) -> None:
    found = CliRunner().invoke(cli, ["dlq", "list", *option], env={"STREAMPROC_KAFKA__PARTITIONS": "none"})
    assert "SETTINGS_INVALID" in str(found.exception), "the option was taken, and the settings come next"


@hole("F4")
def test_what_the_stack_says_is_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = Status("up", "stack", "127.0.0.1:1\x1b[2J", 1, "/x/\x1b]0;x\x07")
    monkeypatch.setattr(LocalStack, "status", lambda _: {"kafka": hostile})
    shown = run("local", "status")
    assert r"127.0.0.1:1\x1b[2J" in shown.stdout
    assert "\x1b" not in shown.stdout


@hole("F4")
def test_an_error_is_told_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: LocalStack) -> None:
        raise StackError("it said \x1b[2J\nand more")

    monkeypatch.setattr(LocalStack, "status", fails)
    assert run("local", "status").stderr == "streamproc local: it said \\x1b[2J\n  and more\n"
    found = run("local", "status", "--json")
    assert json.loads(found.stdout) == {"error": {"code": "FAILED", "message": "it said \x1b[2J\nand more"}}
    assert found.exit_code == 1
