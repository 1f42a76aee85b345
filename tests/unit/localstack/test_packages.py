"""Packages are pinned by version and SHA-256, and nothing else is used."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jgo.maven
import pytest
from jgo.maven import MavenContext
from support.holes import hole

from streamproc.localstack import packages
from streamproc.localstack.errors import StackError
from streamproc.localstack.packages import Artifact
from streamproc.localstack.security import Security, ca_file


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


CONTENT = b"a jar"
JAR = Artifact("org.example", "thing", "jar", "", "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository(ThreadingHTTPServer):
    """A Maven repository with one jar, on this machine; it counts how often the jar is asked for."""

    def __init__(self) -> None:
        self.served = 0
        super().__init__(("127.0.0.1", 0), _JarHandler)


class _JarHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Repository)
        if self.path != "/org/example/thing/1.0/thing-1.0.jar":
            self.send_error(404)
            return
        self.server.served += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repository]:
    """A repository in the place of Maven Central, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Repository() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(jgo.maven, "MavenContext", partial(MavenContext, remote_repos={"test": url}))
        yield server
        server.shutdown()


def test_two_that_need_a_package_at_once_fetch_it_once(repository: Repository, tmp_path: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(2) as both:
        fetches = [both.submit(packages.fetch_artifacts, [JAR], "a thing", said.append) for _ in range(2)]
    paths = [fetch.result() for fetch in fetches]
    assert paths[0] == paths[1] == [tmp_path / "streamproc" / "maven" / "thing-1.0.jar"]
    assert paths[0][0].read_bytes() == CONTENT
    assert repository.served == 1
    assert len(said) == 1


@hole("F5")
def test_downloads_trust_what_the_system_trusts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    Security({}).broker_settings("TLS", keys)
    (key,) = (path for path in keys.iterdir() if path != ca_file(keys))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(keys)))  # OpenSSL's: the system's certificates
    monkeypatch.delenv("PIP_CERT", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with Repository() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_port}"
        monkeypatch.setattr(jgo.maven, "MavenContext", partial(MavenContext, remote_repos={"test": url}))
        (path,) = packages.fetch_artifacts([JAR], "a thing", print)
        assert path.read_bytes() == CONTENT
        assert "truststore" not in ssl.SSLContext.__module__, "only while something is fetched"
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        with pytest.raises(StackError) as refused:
            packages.wheel_folder(f"thing==1.0 --hash=sha256:{'0' * 64}", "a wheel", print)
        # It was let in, and found that there is no such wheel.
        assert "No matching distribution" in str(refused.value)
        assert "SSL" not in str(refused.value)
        server.shutdown()


def test_a_package_that_is_not_the_pinned_one_never_reaches_the_cache(repository: Repository, tmp_path: Path) -> None:
    other = replace(JAR, sha256="0" * 64)
    with pytest.raises(StackError, match=r"thing-1\.0\.jar has SHA-256"):
        packages.fetch_artifacts([other], "a thing", print)
    assert repository.served == 1
    assert not list((tmp_path / "streamproc" / "maven").iterdir())


def test_a_package_that_cannot_be_had_is_named(repository: Repository) -> None:
    del repository
    with pytest.raises(StackError, match=r"org\.example:thing:2\.0 could not be fetched"):
        packages.fetch_artifacts([replace(JAR, version="2.0")], "a thing", print)


def test_a_wheel_is_unpacked_once_with_its_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requirement = _wheel(monkeypatch, tmp_path)
    said: list[str] = []
    folder = packages.wheel_folder(requirement, "a thing", said.append)
    assert os.access(folder / "thing" / "program", os.X_OK)
    assert not os.access(folder / "thing" / "data", os.X_OK)
    assert packages.wheel_folder(requirement, "a thing", said.append) == folder
    assert len(said) == 1


def test_a_wheel_that_is_not_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requirement = _wheel(monkeypatch, tmp_path).partition("sha256:")[0] + "sha256:" + "0" * 64
    with pytest.raises(StackError, match=r"thing==1\.0 could not be fetched(.|\n)*HASH"):
        packages.wheel_folder(requirement, "a thing", print)
    assert not list((tmp_path / "streamproc").rglob("program"))


def _wheel(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Put a wheel where pip looks for it, and nowhere else; returns the pinned requirement."""
    wheel = folder / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        for name, mode in (("thing/program", 0o755), ("thing/data", 0o644)):
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o100000 | mode) << 16
            files.writestr(member, "content")
        files.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        files.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return f"thing==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
