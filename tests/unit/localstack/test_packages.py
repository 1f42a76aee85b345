"""Packages are pinned by version and SHA-256, and nothing else is used."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from streamproc.localstack import packages
from streamproc.localstack.errors import StackError
from streamproc.localstack.packages import Artifact


def test_every_jar_is_pinned_by_its_hash() -> None:
    lock = Path(packages.__file__).with_name("kafka.lock").read_text().splitlines()
    artifacts = [Artifact.parse(line) for line in lock if not line.startswith("#")]
    assert {artifact.name for artifact in artifacts} >= {"kafka_2.13", "slf4j-simple"}
    assert len({artifact.name for artifact in artifacts}) == len(artifacts)
    assert all(re.fullmatch(r"[0-9a-f]{64}", artifact.sha256) for artifact in artifacts)


def test_a_coordinate_may_have_a_classifier() -> None:
    with_classifier = Artifact.parse("io.apicurio:apicurio-registry-app:tar.gz:all:3.0.9 00ff")
    assert with_classifier == Artifact("io.apicurio", "apicurio-registry-app", "tar.gz", "all", "3.0.9", "00ff")
    assert Artifact.parse("g:a:jar:1 00ff") == Artifact("g", "a", "jar", "", "1", "00ff")


def test_a_file_of_another_hash_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "kafka.jar"
    file.write_bytes(b"as pinned")
    expected = hashlib.sha256(b"as pinned").hexdigest()
    packages.check_sha256(file, expected)
    file.write_bytes(b"something else")
    with pytest.raises(StackError, match=r"kafka\.jar has SHA-256 .* expected"):
        packages.check_sha256(file, expected)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert packages.cache_folder() == tmp_path / "streamproc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert packages.cache_folder() == tmp_path / "home" / ".cache" / "streamproc"
