"""Every team still finds what it needs in the newest contracts; a change that takes it away names the team."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from streamproc.contracts import files
from streamproc.contracts.upkeep.consumers import ConsumerNeeds, broken, consumers

FOLDER = Path(__file__).with_name("consumers")
TEAMS = consumers(FOLDER)


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.team)
def test_a_team_finds_what_it_needs(team: ConsumerNeeds) -> None:
    problems = list(broken(team))
    assert not problems, "this change breaks a team, talk to it first:\n" + "\n".join(problems)


def needing(**fields: Any) -> ConsumerNeeds:
    return ConsumerNeeds(
        "reports", "reports@school", {files.RESULT: {k.replace("__", "."): v for k, v in fields.items()}}
    )


def schema() -> dict[str, Any]:
    return copy.deepcopy(files.newest(files.RESULT).schema)


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in schema["fields"] if each["name"] == name)
    return found


def problem(consumer: ConsumerNeeds, changed: dict[str, Any]) -> str:
    (told,) = broken(consumer, {files.RESULT: changed})
    return told


def test_a_field_that_is_gone_names_the_team() -> None:
    changed = schema()
    changed["fields"] = [each for each in changed["fields"] if each["name"] != "accuracy"]
    assert problem(needing(accuracy="double, or null"), changed) == (
        "reports (reports@school) needs accuracy of reading.result: there is no such field"
    )


def test_a_field_deep_within_is_found_and_missed() -> None:
    words = needing(phrases__words__heard="list of string")
    assert not list(broken(words))
    assert "no such field" in next(broken(needing(phrases__words__seen="string")))
    assert "no such field" in next(broken(needing(activity_id__length="int")))


def test_another_type_and_null_are_told() -> None:
    changed = schema()
    field(changed, "attempt")["type"] = "long"
    assert problem(needing(attempt="int"), changed).endswith("it is long, not int")
    field(changed, "engine")["type"] = ["null", "string"]
    assert problem(needing(engine="string"), changed).endswith("it may be null now")
    assert not list(broken(needing(engine="string, or null"))), "who expects null is content without it"


def test_a_symbol_more_breaks_only_who_does_not_know_its_stand_in() -> None:
    changed = schema()
    status = field(changed, "status")["type"]
    status["symbols"] = [*status["symbols"], "DELAYED"]
    knows = needing(status=["COMPLETE", "PARTIAL", "UNKNOWN"])
    assert not list(broken(knows, {files.RESULT: changed})), "UNKNOWN stands for what is newer"
    assert problem(needing(status=["COMPLETE", "PARTIAL"]), changed).endswith("it may be UNKNOWN, DELAYED now")
    status["symbols"].remove("PARTIAL")
    assert problem(knows, changed).endswith("it is never PARTIAL any more")
    assert problem(needing(engine=["triton"]), changed).endswith("it is string, no enum")


def test_a_contract_that_is_gone_is_told() -> None:
    assert list(broken(needing(status=["COMPLETE"]), {})) == [
        "reports (reports@school) needs reading.result: there is no such contract"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('team = "other"\ncontact = ""\n[needs.x]\na = "int"', "the file has the team's name"),
        ('team = "reports"\ncontact = ""\n[needs]', "needs nothing"),
        ('team = "reports"\nfields = ["a"]', "has team, contact and"),
        ("team = ", "reports.toml"),
    ],
)
def test_a_file_that_is_wrong_says_how_it_should_be(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "reports.toml").write_text(content)
    with pytest.raises(ValueError, match=told):
        consumers(tmp_path)
