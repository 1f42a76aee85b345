"""Fetching native adults from repositories, against git itself."""

from __future__ import annotations

import subprocess
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from streamproc.scoring.spelling import split_words
from streamproc.training.natives import main, recordings
from streamproc.training.people.clips import read_folder


@pytest.fixture
def repositories(tmp_path: Path) -> dict[str, Path]:
    """Git directories that hold noise, in stereo, where the real ones hold people."""
    made = {}
    for name, rows in groupby(recordings(), key=lambda row: row["repository"]):
        work = tmp_path / "work" / name
        for row in rows:
            file = work / row["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            kind = "MP3" if file.suffix == ".mp3" else None
            noise = 0.1 * np.random.default_rng(1).standard_normal((22_050, 2))
            soundfile.write(file, noise, 22_050, format=kind)
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "recordings"]):
            subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=work, check=True)
        made[name] = work / ".git"
    return made


def _fetched(folder: Path, repositories: dict[str, Path]) -> str:
    given = [part for name, place in repositories.items() for part in ("--repository", f"{name}={place}")]
    ran = CliRunner().invoke(main, [str(folder), *given])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_the_folder_is_one_that_the_evaluation_reads(tmp_path: Path, repositories: dict[str, Path]) -> None:
    folder = tmp_path / "natives"
    assert "27 recordings" in _fetched(folder, repositories)
    clips = read_folder(folder)
    assert len(clips) == 27
    assert len({clip.name for clip in clips}) == 27
    assert len({clip.speaker for clip in clips}) == 9
    assert sum(len(list(split_words(clip.text))) for clip in clips) >= 300
    assert all(clip.audio().shape == (16_000,) for clip in clips[:8])


def test_every_recording_says_its_licence() -> None:
    assert {row["licence"] for row in recordings()} == {"public domain", "CC BY 4.0", "CMU ARCTIC, free"}


def test_a_repository_that_is_none_is_one_clear_message(tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, [str(tmp_path / "natives"), "--repository", "openai/whisper"])
    assert ran.exit_code == 2
    assert "OWNER/NAME=FOLDER" in ran.output
    assert "Traceback" not in ran.output
