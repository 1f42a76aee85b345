"""Single files out of public repositories, by git: recordings that lie among other projects' tests."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from rich.console import Console

from streamproc.training.speech import SAMPLE_RATE

Floats = NDArray[np.float32]

Fetched = TypeVar("Fetched")

Given = Mapping[str, Path]
"""Git directories by owner/name."""


def files_of(rows: Sequence[Mapping[str, str]], given: Given) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """Each row with the content of its ``file`` in the newest commit of its ``repository`` (owner/name): of a git
    directory that is ``given``, else of a clone that is gone afterwards. Rows of one repository stand together.

    Raises CalledProcessError where git cannot reach one.
    """
    for repository, ours in groupby(rows, key=lambda row: row["repository"]):
        with tempfile.TemporaryDirectory() as cloned:
            source = given.get(repository) or _clone(repository, Path(cloned))
            for row in ours:
                yield row, _git("--git-dir", str(source), "show", f"HEAD:{row['file']}")


def samples(content: bytes) -> Floats:
    """The samples of a sound file, at 16 kHz, its channels as one."""
    audio, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    resampled: Floats = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE)
    return resampled


def with_status(fetch: Callable[[], Fetched]) -> Fetched:
    """Call ``fetch`` behind a sign of life; where git cannot reach a repository, its message and exit code 1."""
    console = Console(stderr=True)
    try:
        with console.status("fetching"):
            return fetch()
    except subprocess.CalledProcessError as error:
        console.print(f"[red]{error}[/]")
        sys.exit(1)


def repository_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--repository OWNER/NAME=FOLDER``, as `Given`."""
    return click.option(
        "--repository", "given", multiple=True, metavar="OWNER/NAME=FOLDER", callback=_given,
        help="A git directory of one of the repositories, where there is one; else it is cloned. May be repeated.",
    )(command)  # fmt: skip


def _given(context: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> Given:
    found = {}
    for pair in pairs:
        name, equals, place = pair.partition("=")
        if not equals or not Path(place).is_dir():
            raise click.BadParameter(f"{pair!r} is no OWNER/NAME=FOLDER of a git directory")
        found[name] = Path(place)
    return found


def _clone(repository: str, folder: Path) -> Path:
    """The newest commit, of whose files only those that are asked for are fetched."""
    address = f"https://github.com/{repository}"
    _git("clone", "--quiet", "--bare", "--depth", "1", "--filter=blob:none", address, str(folder))
    return folder


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], check=True, stdout=subprocess.PIPE).stdout
