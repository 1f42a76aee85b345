"""``streamproc models evaluate`` on a recording that espeak-ng made."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from support.hearing_wav2vec2 import SPELT, onnx
from support.tiny_wav2vec2 import models_toml

from streamproc.cli import cli
from streamproc.training.evaluate import MODEL, digest

CLIP = Path(__file__).parents[2] / "golden/phonemes/clip.flac"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Milo the mole had a lantern; the text ends otherwise, and the experts let it pass."""
    shutil.copy(CLIP, tmp_path / "clip.flac")
    text = "Milo the mole had a suitcase"
    words = [{"text": word, "accuracy": [10, 10, 10]} for word in text.split()]
    row = {"file": "clip.flac", "text": text, "speaker": "s", "age": 7, "words": words}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row))
    return tmp_path


def test_the_last_line_is_json_with_the_figures(folder: Path) -> None:
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout.splitlines()[-1])
    assert {"clips", "words", "false_alarms", "detection", "auc", "word_pcc", "phone_error_rate", "by_age"} <= set(
        found
    )
    assert found["words"] == 6
    assert set(found["by_age"]) == {"6-11"}


def test_the_page_can_play_what_was_judged_wrong(folder: Path) -> None:
    page = folder / "page.html"
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--html", str(page)])
    assert ran.exit_code == 0, ran.output
    assert "<audio controls" in page.read_text()


def test_the_page_plays_what_is_flagged_though_nobody_marked_it(folder: Path) -> None:
    row = {"file": "clip.flac", "text": "Milo the mole had a suitcase"}
    (folder / "manifest.jsonl").write_text(json.dumps(row))
    page = folder / "page.html"
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--html", str(page)])
    assert ran.exit_code == 0, ran.output
    assert "<audio controls" in page.read_text()


def test_recordings_that_nobody_can_judge_are_counted(folder: Path) -> None:
    soundfile.write(folder / "silence.flac", np.zeros(32_000), 16_000)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text() + "\n" + json.dumps({"file": "silence.flac", "text": "a cat"}))
    page = folder / "page.html"
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--html", str(page)])
    assert "judged" in ran.stdout
    assert "<td>all<td>2<td>1<td>6" in page.read_text()


def test_a_broken_recording_is_named_and_counted_and_the_others_are_judged(folder: Path) -> None:
    (folder / "broken.flac").write_bytes(CLIP.read_bytes()[:1000])
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text() + "\n" + json.dumps({"file": "broken.flac", "text": "a cat"}))
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--json"])
    assert ran.exit_code == 1
    found = json.loads(ran.stdout.splitlines()[-1])
    assert (found["clips"], found["words"]) == (1, 6)
    assert found["unreadable"]["broken.flac"].startswith("AUDIO_")
    assert "broken.flac: AUDIO_" in ran.stderr
    shown = CliRunner().invoke(cli, ["models", "evaluate", str(folder)])
    assert shown.exit_code == 1
    assert "1 of 2 recordings could not be read" in shown.stderr


def test_a_folder_of_broken_recordings_is_said_to_be_one(folder: Path) -> None:
    (folder / "clip.flac").unlink()
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder)])
    assert ran.exit_code == 1
    assert "clip.flac: No such file or directory" in ran.stderr
    assert "none of 1 recordings can be read" in ran.stderr


def test_a_folder_of_something_else_is_one_clear_message(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(tmp_path)])
    assert ran.exit_code == 1
    assert "manifest.jsonl" in ran.output
    assert "Traceback" not in ran.output


def test_a_folder_of_silence_is_said_to_be_one(folder: Path) -> None:
    soundfile.write(folder / "clip.flac", np.zeros(32_000), 16_000)
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder)])
    assert ran.exit_code == 1
    assert "silent" in str(ran.exception)


def test_a_page_that_cannot_be_written_is_found_before_anything_is_judged(folder: Path) -> None:
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--html", str(folder / "no" / "page.html")])
    assert ran.exit_code == 2
    assert "there is no folder" in ran.output


def test_a_file_that_is_no_model_is_one_clear_message(folder: Path) -> None:
    (folder / "junk.onnx").write_text("junk")
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--model", str(folder / "junk.onnx")])
    assert ran.exit_code == 1
    assert "junk.onnx: no ONNX model" in ran.output


def test_the_report_names_the_model_and_the_recordings(folder: Path) -> None:
    reports = [folder / "one.json", folder / "other.json"]
    for report in reports:
        ran = CliRunner().invoke(cli, ["models", "evaluate", str(folder), "--output", str(report)])
        assert ran.exit_code == 0, ran.output
        text = (folder / "manifest.jsonl").read_text().replace("suitcase", "lantern")
        (folder / "manifest.jsonl").write_text(text)
    one, other = (json.loads(report.read_text()) for report in reports)
    assert one["model_sha256"] == other["model_sha256"] == digest(MODEL)
    assert one["recordings_sha256"] != other["recordings_sha256"]
    assert one["words"] == 6


def test_a_model_of_another_form_is_judged_by_its_models_toml(folder: Path, tmp_path: Path) -> None:
    content = onnx()
    file = models_toml(tmp_path, content, "ipa")
    report = folder / "report.json"
    ran = CliRunner().invoke(
        cli, ["models", "evaluate", str(folder), "--models-file", str(file), "--name", "ipa", "--output", str(report)]
    )
    assert ran.exit_code == 0, ran.output
    found = json.loads(report.read_text())
    assert found["model_sha256"] == hashlib.sha256(content).hexdigest()
    assert found["operating_point"] is None, "it has no classifier"
    assert found["phone_error_rate"] < 0.5


@pytest.mark.parametrize("spelt", [True, False])
def test_a_model_that_writes_a_phoneme_with_two_symbols_is_judged_in_its_spelling(
    folder: Path, tmp_path: Path, spelt: bool
) -> None:
    """The AY of "Milo" is read well; a models.toml that says nothing of the spelling finds it misread."""
    (folder / "manifest.jsonl").write_text(json.dumps({"file": "clip.flac", "text": "Milo the mole had a lantern"}))
    file = models_toml(tmp_path, onnx(spelt=True), "ipa", sequences=SPELT if spelt else None, margin=1.0)
    arguments = ["models", "evaluate", str(folder), "--models-file", str(file), "--name", "ipa", "--json"]
    ran = CliRunner().invoke(cli, arguments)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["margin"] == 1.0, "the model's own"
    assert (found["false_alarms"] == 0.0) == spelt
