"""Fetching native adults from repositories, against git itself."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from support.repositories import repositories_of

from streamproc.scoring.spelling import split_words
from streamproc.training.natives import main, recordings
from streamproc.training.people.clips import read_folder


def test_the_folder_is_one_that_the_evaluation_reads(tmp_path: Path) -> None:
    folder = tmp_path / "natives"
    ran = CliRunner().invoke(main, [str(folder), *repositories_of(recordings(), tmp_path / "work")])
    assert ran.exit_code == 0, ran.output
    assert "27 recordings" in ran.output
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
