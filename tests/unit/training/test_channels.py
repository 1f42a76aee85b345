"""Poor channels: each does what it is called, and the same to the same recording."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from streamproc.cli import cli
from streamproc.training.channels import CHANNELS, clips_over
from streamproc.training.people.clips import PersonClip

GOLDEN = Path(__file__).parents[2] / "golden/phonemes/clip.flac"
TIME = np.arange(16_000) / 16_000
TONES = (0.1 * np.sin(2 * np.pi * 500 * TIME) + 0.1 * np.sin(2 * np.pi * 6_000 * TIME)).astype(np.float32)


def _over(channel: str, name: str = "a.wav", audio: NDArray[np.float32] = TONES) -> NDArray[np.float32]:
    clip = PersonClip(name, "s", None, "as recorded", "a", (), lambda: audio)
    (there,) = clips_over(channel, [clip])
    assert there.condition == channel
    return there.audio()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_recording_stays_as_long_and_is_the_same_each_time(channel: str) -> None:
    assert len(_over(channel)) == len(TONES)
    assert np.array_equal(_over(channel), _over(channel))
    assert np.isfinite(_over(channel, audio=np.zeros(1000, np.float32))).all()


def _share(audio: NDArray[np.float32], hertz: int) -> float:
    power = np.abs(np.fft.rfft(audio)) ** 2
    return float(power[hertz] / power.sum())


def _noise(channel: str) -> NDArray[np.float32]:
    return _over(channel) - TONES


@pytest.mark.parametrize(
    ("channel", "is_so"),
    [
        ("at 8 kHz", lambda heard: _share(heard, 6_000) < 1e-4 < 0.9 < _share(heard, 500)),
        ("at -50 dB, 16 bit", lambda heard: abs(20 * np.log10(heard.std()) + 50) < 0.2),
        ("as MP3", lambda heard: np.abs(heard[2000:] - TONES[2000:]).max() > 0),
        ("clipped", lambda heard: np.abs(heard).max() < 0.9 * np.abs(TONES).max()),
        ("white noise, 10 dB below", lambda heard: abs((heard - TONES).std() / TONES.std() - 10**-0.5) < 1e-3),
        ("pink noise, 10 dB below", lambda heard: abs((heard - TONES).std() / TONES.std() - 10**-0.5) < 1e-3),
    ],
)
def test_each_does_what_it_is_called(channel: str, is_so: Callable[[NDArray[np.float32]], bool]) -> None:
    assert is_so(_over(channel))


def test_pink_noise_is_low_and_white_noise_is_not() -> None:
    low = {
        name: float(
            (np.abs(np.fft.rfft(_noise(name))) ** 2)[:4000].sum() / (np.abs(np.fft.rfft(_noise(name))) ** 2).sum()
        )
        for name in ("white noise, 10 dB below", "pink noise, 10 dB below")
    }
    assert low["white noise, 10 dB below"] == pytest.approx(0.5, abs=0.05)
    assert low["pink noise, 10 dB below"] > 0.8


def test_two_recordings_have_noises_of_their_own() -> None:
    assert not np.array_equal(_over("white noise, 10 dB below"), _over("white noise, 10 dB below", "b.wav"))


def test_the_evaluation_has_a_row_for_each_channel_of_every_second_recording(tmp_path: Path) -> None:
    rows = []
    for name in ("one.flac", "two.flac", "three.flac"):
        shutil.copy(GOLDEN, tmp_path / name)
        rows.append(json.dumps({"file": name, "text": "Milo the mole had a lantern"}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(rows))
    ran = CliRunner().invoke(cli, ["models", "evaluate", str(tmp_path), "--channels", "--every", "2", "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout.splitlines()[-1])
    assert set(found["by_condition"]) == set(CHANNELS)
    assert found["clips"] == 2
    assert all(report["clips"] == 2 for report in found["by_condition"].values())
