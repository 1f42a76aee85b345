"""A promotion changes one digest, in order, and leaves its record in git."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cli
from streamproc.cli.release_repository import OVERLAYS
from streamproc.deployment import promotion

ROOT = Path(__file__).parents[3]
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the overlays as they are."""
    shutil.copytree(ROOT / OVERLAYS, tmp_path / OVERLAYS)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Overlays")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    return tmp_path


def release(repository: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["release", "--repository", str(repository), *arguments])


def runs(repository: Path, overlay: str, image: str = "worker") -> str:
    return promotion.digest_of(overlay, (repository / OVERLAYS / overlay / "kustomization.yaml").read_text(), image)


def promoted(repository: Path, source: str, target: str) -> Result:
    return release(repository, "promote", "worker", "--from", source, "--to", target, "--reason", "soaked", "--json")


def test_one_digest_goes_from_dev_to_prod_and_the_log_says_who_and_when(repository: Path) -> None:
    assert release(repository, "set", "worker", ONE).exit_code == 0
    for source, target in (("dev", "staging"), ("staging", "prod")):
        done = promoted(repository, source, target)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["digest"] == ONE
    assert {runs(repository, overlay) for overlay in promotion.ORDER} == {ONE}
    rows = json.loads(release(repository, "log", "--json").stdout)
    assert [(row["from"], row["to"], row["digest"], row["who"]) for row in rows] == [
        ("staging", "prod", ONE, "Ada <ada@example.org>"),
        ("dev", "staging", ONE, "Ada <ada@example.org>"),
        ("build", "dev", ONE, "Ada <ada@example.org>"),
    ]


def test_a_promotion_changes_one_line_of_one_file(repository: Path) -> None:
    release(repository, "set", "worker", ONE)
    (changed,) = git(repository, "show", "--numstat", "--format=", "HEAD").splitlines()
    assert changed.split() == ["1", "1", str(OVERLAYS / "dev" / "kustomization.yaml")]


def test_a_revert_goes_back(repository: Path) -> None:
    release(repository, "set", "worker", ONE)
    release(repository, "set", "worker", TWO)
    git(repository, "revert", "--no-edit", "HEAD")
    assert runs(repository, "dev") == ONE


def test_a_rollback_goes_back_to_what_ran_before_and_stands_in_the_log(repository: Path) -> None:
    release(repository, "set", "worker", ONE)
    release(repository, "set", "worker", TWO)
    release(repository, "set", "triton", ONE)
    done = release(repository, "rollback", "worker", "--in", "dev", "--reason", "letters", "--json")
    assert done.exit_code == 0, done.output
    assert (runs(repository, "dev"), runs(repository, "dev", "triton")) == (ONE, ONE)
    newest = json.loads(release(repository, "log", "--json").stdout)[0]
    assert (newest["from"], newest["to"], newest["digest"]) == ("rollback", "dev", ONE)
    assert git(repository, "log", "-1", "--format=%s").startswith("Roll worker in dev back to sha256:1")


def test_a_rollback_of_a_rollback_goes_forward_again(repository: Path) -> None:
    for digest in (ONE, TWO):
        release(repository, "set", "worker", digest)
    for digest in (ONE, TWO):
        assert release(repository, "rollback", "worker", "--in", "dev", "--reason", "x").exit_code == 0
        assert runs(repository, "dev") == digest


def test_what_cannot_be_taken_back_is_told(repository: Path) -> None:
    release(repository, "set", "worker", ONE)
    first = release(repository, "rollback", "worker", "--in", "dev", "--reason", "x")
    assert first.exit_code == 1
    assert "is the first release to dev: there is nothing to go back to" in first.output
    release(repository, "set", "worker", TWO)
    git(repository, "revert", "--no-edit", "HEAD")
    by_hand = release(repository, "rollback", "worker", "--in", "dev", "--reason", "x")
    assert by_hand.exit_code == 1
    assert "no promotion says so" in by_hand.output


def test_the_same_again_is_no_commit(repository: Path) -> None:
    release(repository, "set", "worker", ONE)
    head = git(repository, "rev-parse", "HEAD")
    done = release(repository, "set", "worker", ONE, "--json")
    assert json.loads(done.stdout)["commit"] is None
    assert git(repository, "rev-parse", "HEAD") == head


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "worker", "--from", "dev", "--to", "prod", "--reason", "x"], "after dev comes staging, not prod"),
        (["promote", "worker", "--from", "prod", "--to", "dev", "--reason", "x"], "after prod comes nothing, not dev"),
        (
            ["promote", "worker", "--from", "dev", "--to", "staging", "--reason", "x"],
            "nothing has been released",
        ),
        (["promote", "worker", "--from", "dev", "--to", "staging"], "Missing option '--reason'"),
        (["set", "worker", "latest"], "'latest' is no digest"),
    ],
)
def test_what_cannot_be_promoted_is_told(repository: Path, arguments: list[str], message: str) -> None:
    done = release(repository, *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_changes_that_are_not_committed_are_not_taken_along(repository: Path) -> None:
    file = repository / OVERLAYS / "staging" / "kustomization.yaml"
    file.write_text(file.read_text() + "# by hand\n")
    done = release(repository, "set", "worker", ONE)
    assert done.exit_code == 1
    assert "not committed" in done.output
