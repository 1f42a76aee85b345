"""Measured rooms: fetched from repositories, and what a microphone hears in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from support.repositories import repositories_of

from streamproc.cli import cli
from streamproc.training.people.clips import FolderError
from streamproc.training.rooms import ROOMS, in_room, main, read_rooms

CLIP = Path(__file__).parents[2] / "golden/phonemes/clip.flac"


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    folder = tmp_path / "rooms"
    ran = CliRunner().invoke(main, [str(folder), *repositories_of(ROOMS, tmp_path / "work")])
    assert ran.exit_code == 0, ran.output
    return folder


def test_the_rooms_are_read_again_with_their_direct_sound_near_the_beginning(rooms: Path) -> None:
    found = read_rooms(rooms)
    assert set(found) == {room["room"] for room in ROOMS}
    for response in found.values():
        assert np.abs(response).argmax() <= 32
        assert np.abs(response).max() == pytest.approx(1, abs=1e-3)


def test_a_room_of_the_direct_sound_alone_changes_nothing() -> None:
    audio = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    response = np.zeros(900, np.float32)
    response[32] = 0.3
    assert in_room(audio, response) == pytest.approx(audio, abs=1e-4)


def test_an_echo_comes_when_the_response_has_it_and_the_level_stays() -> None:
    audio = np.zeros(5000, np.float32)
    audio[100] = 1.0
    response = np.zeros(900, np.float32)
    response[[32, 432]] = 1.0, 0.5
    heard = in_room(audio, response)
    assert heard[500] == pytest.approx(heard[100] / 2, abs=1e-6)
    assert np.flatnonzero(np.abs(heard) > 1e-4).tolist() == [100, 500]
    assert np.mean(heard**2) == pytest.approx(np.mean(audio**2), rel=1e-3)


def test_silence_stays_silence() -> None:
    assert not in_room(np.zeros(100, np.float32), np.ones(5, np.float32)).any()


def test_the_evaluation_has_a_row_for_each_room(tmp_path: Path, rooms: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(CLIP, folder)
    row = {"file": "clip.flac", "text": "Milo the mole had a lantern"}
    (folder / "manifest.jsonl").write_text(json.dumps(row))
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--rooms", str(rooms), "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout.splitlines()[-1])
    assert set(found["by_condition"]) == {f"in the {room['room']}" for room in ROOMS}
    assert found["words"] == 6  # as recorded


def test_a_folder_without_rooms_and_one_of_other_sounds_are_clear_messages(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"python -m streamproc\.training\.rooms"):
        read_rooms(tmp_path)
    soundfile.write(tmp_path / "stereo.flac", np.zeros((100, 2)), 16_000)
    with pytest.raises(FolderError, match="one channel"):
        read_rooms(tmp_path)
