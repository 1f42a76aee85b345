"""The gates fail when they have looked at nothing, or not at everything."""

from __future__ import annotations

from typing import Any

import pytest

from . import covered, licences
from .audit import problems
from .locks import ROOT, locked
from .parts import missing
from .ratio import verdict

LOCK = "aio_http==3.1 \\\n    --hash=sha256:00\nnumpy==2.0 \\\n    --hash=sha256:01\n"


def audited(name: str, version: str, *holes: str) -> dict[str, Any]:
    return {"name": name, "version": version, "vulns": [{"id": hole, "fix_versions": ["9"]} for hole in holes]}


def test_packages_that_were_all_audited_pass() -> None:
    assert problems({"dependencies": [audited("aio-http", "3.1"), audited("numpy", "2.0")]}, LOCK) == []


@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        ([], ["aio-http: was not audited", "numpy: was not audited"]),
        ([audited("aio-http", "3.1")], ["numpy: was not audited"]),
        (
            [audited("aio-http", "3.1"), {"name": "numpy", "skip_reason": "not found"}],
            ["numpy: was not audited: not found"],
        ),
        ([audited("aio-http", "3.1", "CVE-1"), audited("numpy", "2.0")], ["aio-http 3.1: CVE-1, mended in ['9']"]),
        ([audited("aio-http", "3.0"), audited("numpy", "2.0")], ["aio-http: 3.0 was audited, 3.1 is locked"]),
    ],
)
def test_an_audit_that_is_not_whole_or_finds_a_hole_fails(dependencies: list[Any], said: list[str]) -> None:
    assert problems({"dependencies": dependencies}, LOCK) == said


def test_an_empty_lock_fails() -> None:
    assert problems({"dependencies": []}, "") == ["the lock is empty"]


def part(name: str, version: str, *hashes: str) -> dict[str, Any]:
    return {"name": name, "version": version, "externalReferences": [{"hashes": list(hashes)}]}


def test_a_list_of_parts_has_every_package_with_version_and_hash() -> None:
    whole = [part("aio.http", "3.1", "00"), part("numpy", "2.0", "01")]
    assert missing({"components": whole}, LOCK) == []
    assert missing({"components": whole[:1]}, LOCK) == ["numpy 2.0"]
    assert missing({"components": [whole[0], part("numpy", "2.1", "01")]}, LOCK) == ["numpy 2.0"]
    assert missing({"components": [whole[0], part("numpy", "2.0")]}, LOCK) == ["numpy 2.0"]
    assert missing({}, LOCK) == ["aio-http 3.1", "numpy 2.0"]


def test_every_lock_is_read_whole() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text("utf-8")
        assert len(locked(text)) == sum(line[:1].isalnum() for line in text.splitlines()), file


def test_images_have_the_versions_that_tests_ran_with() -> None:
    tested, shipped = (locked((ROOT / "requirements" / name).read_text("utf-8")) for name in ("dev.txt", "image.txt"))
    assert {name: version for name, version in shipped.items() if tested.get(name) != version} == {}


def licensed(name: str, version: str, licence: str) -> dict[str, str]:
    return {"Name": name, "Version": version, "License": licence}


def test_licences_of_a_whole_lock_pass() -> None:
    rows = [licensed("aio.http", "3.1", "Apache-2.0 AND MIT"), licensed("NumPy", "2.0", "LGPL-2.1-or-later")]
    assert licences.problems(rows, LOCK) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (licensed("other", "2.0", "MIT"), "numpy: its licence was not looked at: it is not installed"),
        (licensed("numpy", "2.1", "MIT"), "numpy: 2.1 was looked at, 2.0 is locked"),
        (licensed("numpy", "2.0", "UNKNOWN"), "numpy: says nothing of its licence"),
        (licensed("numpy", "2.0", "MIT; GPL-3.0-or-later"), "numpy: MIT; GPL-3.0-or-later"),
        (
            licensed("numpy", "2.0", "GNU Affero General Public License v3"),
            "numpy: GNU Affero General Public License v3",
        ),
    ],
)
def test_a_licence_that_is_not_known_or_may_not_be_there_fails(row: dict[str, str], said: str) -> None:
    assert licences.problems([licensed("aio-http", "3.1", "MIT"), row], LOCK) == [said]


def report(**lines: tuple[int, int]) -> dict[str, Any]:
    return {
        "files": {
            f"streamproc/{name}/a.py": {"summary": {"covered_lines": run, "num_statements": there}}
            for name, (run, there) in lines.items()
        }
    }


def test_a_room_that_tests_hardly_run_fails_whatever_the_others_have() -> None:
    whole = dict.fromkeys(covered.CORE, (100, 100))
    assert covered.problems(covered.shares(report(**whole))) == []
    (only,) = covered.problems(covered.shares(report(**{**whole, "scoring": (79, 100)})))
    assert only == "scoring: 79.0% of its statements are run by tests, not 80%"


def test_a_room_that_was_not_measured_fails() -> None:
    found = covered.shares(report(**dict.fromkeys(covered.CORE[1:], (1, 1))))
    assert covered.problems(found) == [f"{covered.CORE[0]}: nothing was measured"]


def test_a_large_file_counts_for_more_than_a_small_one() -> None:
    files = {
        "/somewhere/streamproc/scoring/large.py": {"summary": {"covered_lines": 0, "num_statements": 90}},
        "/somewhere/streamproc/scoring/small.py": {"summary": {"covered_lines": 10, "num_statements": 10}},
        "/somewhere/streamproc/settings.py": {"summary": {"covered_lines": 1, "num_statements": 1}},
        "/somewhere/streamproc/empty/__init__.py": {"summary": {"covered_lines": 0, "num_statements": 0}},
    }
    assert covered.shares({"files": files}) == {"scoring": 0.1, "settings": 1.0}


def test_core_rooms_are_rooms() -> None:
    assert all((ROOT / "streamproc" / room).is_dir() for room in covered.CORE)


def test_what_costs_more_than_the_ratio_allows_fails_by_its_cheapest_round() -> None:
    assert verdict([5.0, 4.0], [9.0, 4.6], 1.15)["passed"]
    dearer = verdict([5.0, 4.0], [4.7, 4.7], 1.15)
    assert (dearer["ratio"], dearer["passed"]) == (1.175, False)
