"""``python -m streamproc.training.natives FOLDER``: native adults who read, for `streamproc models evaluate FOLDER`.

27 recordings of nine speakers, 730 words, as public repositories hold them among their tests (``natives.tsv``, with
their licences: public domain, CC BY 4.0 of LibriSpeech, CMU ARCTIC's). For reports alone: nothing is trained on them,
no threshold comes from them, and none is committed. Nobody marked their words: all count as read well, so that what a
reader slips on counts as a false alarm too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
import soundfile

from streamproc.training.repositories import Given, files_of, repository_option, samples, with_status
from streamproc.training.speech import SAMPLE_RATE


def recordings() -> list[Mapping[str, str]]:
    """Every recording: repository, file, speaker, licence and text."""
    table = files("streamproc.training").joinpath("natives.tsv").read_text("utf-8")
    return list(csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def fetch(folder: Path, given: Given) -> int:
    """Write the recordings (16 kHz, mono) and their manifest into ``folder``; returns how many.

    Raises CalledProcessError where git cannot reach a repository.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for row, content in files_of(recordings(), given):
        name = f"{row['speaker']}-{Path(row['file']).stem}.flac"
        soundfile.write(folder / name, np.clip(samples(content), -1, 1), SAMPLE_RATE)
        rows.append({"file": name, "text": row["text"], "speaker": row["speaker"]})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return len(rows)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@repository_option
def main(folder: Path, given: Given) -> None:
    """Fetch recordings of native adults into FOLDER, with a manifest. Needs git, and network without --repository."""
    count = with_status(lambda: fetch(folder, given))
    print(f"{folder}: {count} recordings; streamproc models evaluate {folder}")


if __name__ == "__main__":
    main()
