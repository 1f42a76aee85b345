"""``python -m streamproc.training.natives FOLDER``: native adults who read, for `streamproc models evaluate FOLDER`.

27 recordings of nine speakers, 730 words, as public repositories hold them among their tests (``natives.tsv``, with
their licences: public domain, CC BY 4.0 of LibriSpeech, CMU ARCTIC's). For reports alone: nothing is trained on them,
no threshold comes from them, and none is committed. Nobody marked their words: all count as read well, so that what a
reader slips on counts as a false alarm too.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr
from rich.console import Console

RATE = 16_000


def recordings() -> list[Mapping[str, str]]:
    """Every recording: repository, file, speaker, licence and text."""
    table = files("streamproc.training").joinpath("natives.tsv").read_text("utf-8")
    return list(csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def fetch(folder: Path, repositories: Mapping[str, Path]) -> int:
    """Write the recordings (16 kHz, mono) and their manifest into ``folder``; ``repositories``: git directories by
    owner/name, the others are cloned. Returns how many. Raises CalledProcessError where git cannot reach one."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for repository, ours in groupby(recordings(), key=lambda row: row["repository"]):
        with tempfile.TemporaryDirectory() as cloned:
            source = repositories.get(repository) or _clone(repository, Path(cloned))
            for row, content in _contents(source, list(ours)):
                name = f"{row['speaker']}-{Path(row['file']).stem}.flac"
                _write(folder / name, content)
                rows.append({"file": name, "text": row["text"], "speaker": row["speaker"]})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return len(rows)


def _clone(repository: str, folder: Path) -> Path:
    """The newest commit, of whose files only those that are asked for are fetched."""
    address = f"https://github.com/{repository}"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--depth", "1", "--filter=blob:none", address, str(folder)], check=True
    )
    return folder


def _contents(source: Path, rows: list[Mapping[str, str]]) -> Iterator[tuple[Mapping[str, str], bytes]]:
    for row in rows:
        shown = subprocess.run(
            ["git", "--git-dir", str(source), "show", f"HEAD:{row['file']}"], check=True, capture_output=True
        )
        yield row, shown.stdout


def _write(file: Path, content: bytes) -> None:
    audio, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    samples = soxr.resample(audio.mean(axis=1), rate, RATE)
    soundfile.write(file, np.clip(samples, -1, 1), RATE)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--repository", "given", multiple=True, metavar="OWNER/NAME=FOLDER",
    help="A git directory of one of the repositories, where there is one; else it is cloned. May be repeated.",
)  # fmt: skip
def main(folder: Path, given: tuple[str, ...]) -> None:
    """Fetch recordings of native adults into FOLDER, with a manifest. Needs git, and network without --repository."""
    console = Console(stderr=True)
    repositories = {}
    for pair in given:
        name, equals, place = pair.partition("=")
        if not equals or not Path(place).is_dir():
            raise click.BadParameter(f"{pair!r} is no OWNER/NAME=FOLDER of a git directory", param_hint="--repository")
        repositories[name] = Path(place)
    try:
        with console.status("fetching"):
            count = fetch(folder, repositories)
    except subprocess.CalledProcessError as error:
        console.print(f"[red]{error}[/]")
        sys.exit(1)
    print(f"{folder}: {count} recordings; streamproc models evaluate {folder}")


if __name__ == "__main__":
    main()
