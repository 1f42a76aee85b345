"""Every kind of bad schema file is refused with one clear message; the released ones pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streamproc.cli.schemas import command
from streamproc.contracts import files
from streamproc.contracts.upkeep import checks
from streamproc.contracts.upkeep.lint import lint

Edit = Callable[[Any], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the released schemas, to be broken."""
    return shutil.copytree(files.schema_folder(), tmp_path / "schemas")


def edit(path: Path, change: Callable[[dict[str, Any]], object], target: Path | None = None) -> None:
    schema = json.loads(path.read_text())
    change(schema)
    (target or path).write_text(json.dumps(schema, indent=2))


def around_the_newest(contract: Path) -> tuple[Path, Path]:
    """The newest file of a contract, and the one that would come after it."""
    number = files.newest(contract.name).version
    return contract / f"{number}.avsc", contract / f"{number + 1}.avsc"


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found = next(entry for entry in schema["fields"] if entry["name"] == name)
    assert isinstance(found, dict)
    return found


def test_the_released_schemas_are_sound() -> None:
    assert checks.check(files.schema_folder()) == []


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        (lambda s: field(s, "locale").update(type={"type": "string", "logicalType": "uuid"}), "locale", "uuid"),
        (lambda s: field(s, "locale").update(default=7), "locale", "default 7 does not fit"),
        (lambda s: field(s, "attempt").update(default="one"), "attempt", 'default "one" does not fit'),
        (lambda s: field(s, "passage_id").update(default="x"), "passage_id", 'default "x" does not fit'),
        (lambda s: field(s, "passage_id").update(type=["null", "Activity"]), "passage_id", "recursive"),
        (lambda s: field(s, "passage_id").update(type=["string", "int"], default=""), "passage_id", "a union is"),
        (lambda s: field(s, "locale").update(type={"type": "map", "values": "string"}), "locale", "map"),
        (lambda s: field(s, "locale").pop("doc"), "locale", "has no doc"),
        (lambda s: field(s, "locale").update(pii="secret"), "locale", "pii is 'secret'"),
        (lambda s: field(s, "locale").update(name="localeTag"), "localeTag", "snake_case"),
        (
            lambda s: field(field(s, "phrases")["type"]["items"], "audio")["type"]["fields"][2]["type"].pop("default"),
            "phrases[].audio.codec",
            "it could never grow",
        ),
        (
            lambda s: field(s, "passage_id").update(
                type={"type": "array", "items": {"type": "record", "name": "Empty", "doc": "Nothing.", "fields": []}},
                default=[],
            ),
            "reading.activity/2.avsc",
            "passage_id[]: its values take no bytes",
        ),
        (lambda s: s.update(fields="none"), "reading.activity/2.avsc", "not a valid Avro schema"),
        (lambda s: s.update(type="enum", symbols=["A"]), "reading.activity/2.avsc", "is not a record"),
    ],
)
def test_a_bad_schema_is_named_with_its_field(folder: Path, change: Edit, where: str, message: str) -> None:
    edit(folder / "reading.activity/2.avsc", change)
    found = lint(folder)
    assert len(found) == 1, found
    assert where in found[0].where
    assert message in found[0].message


def test_broken_json_is_named_with_its_line(folder: Path) -> None:
    path = folder / "reading.result/2.avsc"
    path.write_text(path.read_text().replace('"name": "Result",', '"name": "Result"', 1))
    assert [str(problem)[:26] for problem in lint(folder)] == ["reading.result/2.avsc:4: i"]


def test_a_repeated_key_is_refused(folder: Path) -> None:
    path = folder / "reading.result/2.avsc"
    path.write_text(path.read_text().replace('"name": "Result",', '"name": "Result", "name": "Other",', 1))
    assert ["key 'name' occurs twice" in problem.message for problem in lint(folder)] == [True]


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (
            lambda folder: (folder / "reading.result/1.avsc").unlink(),
            "reading.result: 1.avsc is missing: versions have no gaps",
        ),
        (
            lambda folder: (folder / "reading.result/draft.avsc").write_text("{}"),
            "reading.result/draft.avsc: is not called <version>.avsc, for example 1.avsc",
        ),
        (
            lambda folder: shutil.copytree(folder / "reading.result", folder / "reading.mood"),
            "compatibility.toml: there is a folder reading.mood, but no table ['reading.mood'] with its level",
        ),
        (
            lambda folder: (folder / "compatibility.toml").write_text("[reading"),
            "compatibility.toml: is not TOML: Expected ']' at the end of a table declaration (at end of document)",
        ),
        (
            lambda folder: (folder / "compatibility.toml").unlink(),
            "compatibility.toml: there is no such file",
        ),
        (
            lambda folder: replace(folder, 'compatibility = "BACKWARD_TRANSITIVE"\n', ""),
            "compatibility.toml: ['reading.activity']: compatibility is missing",
        ),
        (
            lambda folder: replace(folder, '"BACKWARD_TRANSITIVE"', '"MOSTLY"'),
            "compatibility.toml: ['reading.activity']: compatibility 'MOSTLY' is not one of NONE, BACKWARD,",
        ),
        (
            lambda folder: replace(folder, '"7 days"', '"a week"'),
            "compatibility.toml: ['reading.activity']: retention 'a week' is not like '30 days'",
        ),
    ],
)
def test_a_bad_folder_is_named(folder: Path, break_it: Callable[[Path], object], expected: str) -> None:
    break_it(folder)
    found = [str(problem) for problem in lint(folder)]
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def replace(folder: Path, old: str, new: str) -> None:
    path = folder / "compatibility.toml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_released_file_may_not_change(folder: Path) -> None:
    edit(folder / "reading.result/1.avsc", lambda schema: schema.update(doc="Another story."))
    assert [str(problem) for problem in checks.check(folder)] == [
        "reading.result/1.avsc: has been released, and released files never change: restore it and add a new version"
    ]


def test_a_new_file_is_sealed_once(folder: Path) -> None:
    newest, new = around_the_newest(folder / "reading.result")
    edit(newest, lambda schema: schema.update(doc="Another story."), new)
    assert ["is not released" in problem.message for problem in checks.check(folder)] == [True]
    assert checks.seal(folder) == [f"reading.result/{new.name}"]
    assert checks.check(folder) == []
    assert checks.seal(folder) == []


MOOD = {"name": "mood", "type": "string", "pii": "none", "doc": "How it felt."}


@pytest.mark.parametrize(
    ("contract", "change", "expected"),
    [
        ("reading.activity", lambda s: s["fields"].append(MOOD), ["cannot read what version 1", "cannot read what"]),
        ("reading.activity", lambda s: s["fields"].remove(field(s, "locale")), []),
        ("reading.activity", lambda s: field(s, "tenant_id").pop("aliases"), ["cannot read what version 1"]),
        (
            "reading.activity",
            lambda s: field(s, "started_at").update(type="long"),
            ["cannot read what version 1 wrote (BACKWARD_TRANSITIVE): started_at: reader has long", "cannot read what"],
        ),
        ("reading.result", lambda s: s["fields"].append({**MOOD, "default": "calm"}), []),
        ("reading.result", lambda s: s["fields"].remove(field(s, "attempt")), []),
        (
            "reading.result",
            lambda s: s["fields"].remove(field(s, "locale")),
            [f"version {number} cannot read what it writes" for number in (1, 2, 3)],
        ),
        ("reading.result", lambda s: field(s, "status")["type"]["symbols"].append("SKIPPED"), []),
    ],
)
def test_a_new_version_keeps_the_promise_to_all_earlier_ones(
    folder: Path, contract: str, change: Edit, expected: list[str]
) -> None:
    newest, new = around_the_newest(folder / contract)
    edit(newest, change, new)
    checks.seal(folder)
    found = [problem.message for problem in checks.check(folder)]
    assert len(found) == len(expected), found
    assert all(start in message for start, message in zip(expected, found, strict=True))


def test_the_command_line_names_the_field_and_exits_with_1(folder: Path) -> None:
    edit(folder / "reading.activity/2.avsc", lambda s: s["fields"].append(MOOD), folder / "reading.activity/3.avsc")
    checks.seal(folder)
    run = CliRunner().invoke(command, ["check", "--folder", str(folder)])
    assert run.exit_code == 1
    assert "mood: the writer does not write it and the reader has no default" in run.output
    assert "give the field a default" in run.output
    assert CliRunner().invoke(command, ["check"]).exit_code == 0
    as_json = CliRunner().invoke(command, ["check", "--folder", str(folder), "--json"])
    assert as_json.exit_code == 1
    assert {problem["where"] for problem in json.loads(as_json.output)["problems"]} == {"reading.activity/3.avsc"}


def test_an_unknown_contract_is_named() -> None:
    run = CliRunner().invoke(command, ["history", "reading.mood"])
    assert run.exit_code == 1
    assert "there are reading.activity, reading.result, reading.result.v2" in run.output
