"""Faust's tests in a folder of their own, outside this tree's version control."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

RELEASE = Path(__file__).with_name("source.txt")

#: Faust's own options turn on plugins that say nothing about the driver (coverage, random order).
_PYTEST_INI = """[pytest]
asyncio_mode = auto
xfail_strict = true
filterwarnings =
    error::ResourceWarning
"""


def checkout(folder: Path, given: Path | None) -> Path:
    """Lay Faust's tests out in ``folder`` and return where they can be run.

    ``given``: a checkout of Faust; None: the release that source.txt names, from the package index, checked by hash.

    Raises:
        FileNotFoundError: ``given`` holds no tests.
        subprocess.CalledProcessError: the release cannot be had.
    """
    if given is None:
        given = _download(folder / "release")
    tests = given / "tests"
    if not (tests / "functional").is_dir() or not (tests / "stress").is_dir():
        raise FileNotFoundError(f"{given} holds no tests/functional and tests/stress: is it a checkout of Faust?")
    place = folder / "run"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    shutil.copytree(tests, place / "tests")
    # The stress apps still call their package by the name that it had.
    (place / "t").symlink_to("tests")
    (place / "pytest.ini").write_text(_PYTEST_INI)
    # They import Sentry's reporting, which no Python since 3.11 can; without SENTRY_DSN they do not use it.
    (place / "raven_aiohttp.py").write_text("AioHttpTransport = None\n")
    return place


def _download(folder: Path) -> Path:
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--no-binary", ":all:")
        command = [sys.executable, "-m", "pip", "download", *options, "-r", str(RELEASE), "-d", str(partial)]
        subprocess.run(command, check=True)
        with tarfile.open(next(partial.glob("*.tar.gz"))) as archive:
            archive.extractall(partial, filter="data")
        partial.rename(folder)
    return next(path for path in folder.iterdir() if path.is_dir())
