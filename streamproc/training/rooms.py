"""``python -m streamproc.training.rooms FOLDER``: measured rooms, for `streamproc models evaluate … --rooms FOLDER`.

Impulse responses of five places, measured and openly licensed, as public repositories hold them (`ROOMS`). They are too
few to train on: training's rooms are made at random (`mixture`), and these tell whether that was like real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import soundfile

from streamproc.training.people.clips import FolderError, PersonClip
from streamproc.training.repositories import Floats, Given, files_of, repository_option, samples, with_status
from streamproc.training.speech import SAMPLE_RATE

_OPENAIR = "Resources/ImpulseResponses"

ROOMS: Sequence[Mapping[str, str]] = (
    {
        "room": "seminar room", "licence": "CC0", "file": "data/rir_clap.wav",
        "repository": "spatialaudio/selected-topics-in-audio-signal-processing-exercises",
    },
    *(
        {"room": room, "licence": licence, "file": f"{_OPENAIR}/{file}.wav", "repository": "QVbDev/quantumVerb"}
        for room, file, licence in (
            ("club hall", "medium_hall", "CC BY 3.0 (OpenAIR, James Cadwallader)"),
            ("typing room", "large_hall", "CC BY-SA 3.0 (OpenAIR, Damian T. Murphy)"),
            ("monument", "medium_chamber", "CC BY-SA 3.0 (OpenAIR, Damian T. Murphy)"),
            ("church", "large_church", "CC BY-SA 3.0 (OpenAIR, Damian T. Murphy)"),
        )
    ),
)  # fmt: skip
"""Reverberation times from 0.6 s (the seminar room, a clap recorded from afar) to 2.2 s."""

_LONGEST = 2 * SAMPLE_RATE
_BEFORE = 32
"""Samples that are kept before the direct sound, 2 ms: it is no single peak."""


def fetch(folder: Path, given: Given) -> list[str]:
    """Write the responses (16 kHz, mono) into ``folder``, one file a room; returns the rooms' names.

    Raises CalledProcessError where git cannot reach a repository.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for row, content in files_of(ROOMS, given):
        response = samples(content)
        response = response[max(0, int(np.abs(response).argmax()) - _BEFORE) :][:_LONGEST]
        soundfile.write(
            folder / f"{row['room']}.flac", response / np.abs(response).max(), SAMPLE_RATE, subtype="PCM_24"
        )
    return [row["room"] for row in ROOMS]


def read_rooms(folder: Path) -> dict[str, Floats]:
    """Impulse responses by their files' names. Raises FolderError where ``folder`` has none, or not at 16 kHz, mono."""
    found = {}
    for file in sorted(folder.glob("*.flac")):
        response, rate = soundfile.read(file, dtype="float32")
        if rate != SAMPLE_RATE or response.ndim != 1:
            raise FolderError(f"{file}: a room's response has 16 kHz and one channel")
        found[file.stem] = response
    if not found:
        raise FolderError(f"{folder} holds no *.flac: python -m streamproc.training.rooms {folder}")
    return found


def in_room(audio: Floats, response: Floats) -> Floats:
    """What a microphone in the room hears of ``audio``: as long, as loud, and at the same time."""
    size = len(audio) + len(response)
    heard = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(response, size), size)
    heard = heard[int(np.abs(response).argmax()) :][: len(audio)]
    level = np.sqrt(np.mean(audio**2) / max(float(np.mean(heard**2)), 1e-12))
    return np.asarray(heard * level, dtype=np.float32)


def clips_in_room(clips: Sequence[PersonClip], room: str, response: Floats) -> list[PersonClip]:
    """The same recordings in a room, which is their condition."""
    return [
        replace(clip, condition=f"in the {room}", audio=lambda clip=clip: in_room(clip.audio(), response))  # type: ignore[misc]
        for clip in clips
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@repository_option
def main(folder: Path, given: Given) -> None:
    """Fetch the responses of measured rooms into FOLDER. Needs git, and network without --repository."""
    names = with_status(lambda: fetch(folder, given))
    print(f"{folder}: {', '.join(names)}; streamproc models evaluate CLIPS --rooms {folder}")


if __name__ == "__main__":
    main()
