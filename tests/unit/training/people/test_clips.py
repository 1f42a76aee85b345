"""Folders of recordings as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamproc.training.pack import PackWriter
from streamproc.training.people.clips import FolderError, RecordingError, read_folder, readable

WORDS = [{"text": "a", "accuracy": [10, 3, 10]}, {"text": "cat", "accuracy": [10, 10, 10]}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "one.wav", np.full(8_000, 0.25, np.float32), 8_000)
    return tmp_path


def test_a_manifest(folder: Path) -> None:
    row = {"file": "one.wav", "text": "a cat", "speaker": 7, "age": 8, "condition": "noisy", "words": WORDS}
    (folder / "manifest.jsonl").write_text(json.dumps(row) + "\n\n")
    (clip,) = read_folder(folder)
    assert (clip.speaker, clip.age, clip.condition, clip.text) == ("7", 8, "noisy", "a cat")
    assert [word.marks for word in clip.words] == [(10, 3, 10), (10, 10, 10)]
    assert len(clip.audio()) == pytest.approx(16_000, abs=200)


def test_a_table_with_file_and_text_alone(folder: Path) -> None:
    (folder / "clips.csv").write_text('file,text\none.wav,"a cat, a dog"\n')
    (clip,) = read_folder(folder)
    assert (clip.name, clip.speaker, clip.age, clip.words) == ("one.wav", "one.wav", None, ())
    assert clip.text == "a cat, a dog"


def test_kaldi_s_files(folder: Path) -> None:
    (folder / "wav.scp").write_text("u1 one.wav\n")
    (folder / "text").write_text("u1 A CAT\n")
    (folder / "utt2spk").write_text("u1 s1\n")
    (folder / "spk2age").write_text("s1\t9\n")
    (folder / "utt2score").write_text(f"u1\t{json.dumps({'words': WORDS})}\n")
    (clip,) = read_folder(folder)
    assert (clip.name, clip.speaker, clip.age, clip.text, len(clip.words)) == ("u1", "s1", 9, "A CAT", 2)


def test_what_training_data_made(folder: Path) -> None:
    with PackWriter(folder / "pack") as pack:
        pack.add(np.array([8192], np.int16), name="u1", speaker="s1", age=6, text="a cat", words=WORDS)
    (clip,) = read_folder(folder / "pack")
    assert clip.age == 6
    assert clip.audio().tolist() == [0.25]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.jsonl", '{"file": "one.wav"}', "manifest.jsonl:1: file and text"),
        ("manifest.jsonl", "[1]", "manifest.jsonl:1: no JSON object"),
        ("manifest.jsonl", "{", "manifest.jsonl:1: no JSON"),
        ("manifest.jsonl", '{"file": "one.wav", "text": "a", "age": "old"}', "manifest.jsonl:1: age is .*old"),
        ("manifest.jsonl", '{"file": "one.wav", "text": "a", "age": -3}', "manifest.jsonl:1: age is .*-3"),
        (
            "manifest.jsonl",
            '{"file": "one.wav", "text": "a", "words": [{"text": "a", "accuracy": [11]}]}',
            "manifest.jsonl:1: accuracy is a mark from 0 to 10",
        ),
        (
            "manifest.jsonl",
            '{"file": "one.wav", "text": "a", "words": [{"text": "a"}]}',
            "manifest.jsonl:1: 'accuracy' is missing",
        ),
        ("wav.scp", "u1 sox one.wav |", "is a command"),
        ("wav.scp", "u1 one.wav", "no text of u1"),
        ("readme.txt", "", "neither a manifest"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(FolderError, match=message):
        read_folder(folder)


@pytest.mark.parametrize("file", ["clips.csv", "manifest.jsonl", "wav.scp"])
def test_a_table_in_another_encoding_is_named(folder: Path, file: str) -> None:
    (folder / file).write_bytes("file,text\none.wav,café\n".encode("latin-1"))
    with pytest.raises(FolderError, match=f"{file}: not UTF-8"):
        read_folder(folder)


@pytest.mark.parametrize(("file", "content"), [("utt2score", "u1 {"), ("spk2age", "u1 seven")])
def test_what_is_wrong_in_kaldi_s_tables_is_named(folder: Path, file: str, content: str) -> None:
    (folder / "wav.scp").write_text("u1 one.wav\n")
    (folder / "text").write_text("u1 A\n")
    (folder / file).write_text(content)
    with pytest.raises(FolderError, match="u1, its age or its marks: "):
        read_folder(folder)


def test_one_expert_s_mark_needs_no_list_and_an_age_may_have_a_fraction(folder: Path) -> None:
    row = {"file": "one.wav", "text": "a", "age": 7.5, "words": [{"text": "a", "accuracy": 10}]}
    (folder / "manifest.jsonl").write_text(json.dumps(row))
    (clip,) = read_folder(folder)
    assert (clip.age, clip.words[0].marks) == (7, (10,))


def test_a_recording_that_cannot_be_read_is_named_and_the_others_are_there(folder: Path) -> None:
    (folder / "bad.wav").write_bytes(b"nothing")
    (folder / "clips.csv").write_text("file,text\nbad.wav,a\none.wav,a\ngone.wav,a\n")
    clips = read_folder(folder)
    with pytest.raises(RecordingError, match=r"bad\.wav: "):
        clips[0].audio()
    tried: list[int] = []
    well, broken = readable(clips, tried.append)
    assert [clip.name for clip in well] == ["one.wav"]
    assert broken["bad.wav"].startswith("AUDIO_UNREADABLE: ")
    assert broken["gone.wav"] == "No such file or directory"
    assert tried == [1, 2, 3]
