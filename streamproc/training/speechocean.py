"""Real readings: speechocean762, with what five experts noted of every phoneme.

Zhang et al., "speechocean762: An open-source non-native English speech corpus for pronunciation assessment",
Interspeech 2021 (arXiv 2104.01378). 5,000 clips of 250 speakers whose mother tongue is Mandarin, half of
them children; its authors allow commercial use. The public repository holds the audio; the notes of each expert stand
in an earlier commit of it, in which the train part is called ``dev``.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

REPOSITORY = "https://github.com/jimbozhang/speechocean762"
SCORES = "40a80ed"
"""The commit whose ``dev/utt2score`` and ``test/utt2score`` hold what each expert gave."""

Part = Literal["train", "test"]
Mark = Literal["right", "accented", "wrong", "inserted"]

_MARKED = re.compile(r"\{\s*(?P<accented>[^}]*)\}|\(\s*(?P<wrong>[^)]*)\)|\[\s*(?P<inserted>[^\]]*)\]|(?P<right>\S+)")

_SYMBOLS = {
    "AR": ("EH", "R"), "AXR": ("ER",), "DR": ("D", "R"), "DZ": ("D", "Z"), "EE": ("ER",), "IR": ("IH", "R"),
    "OO": ("AA",), "TR": ("T", "R"), "TS": ("T", "S"), "UR": ("UH", "R"),
}  # fmt: skip
"""Our symbols for those of the experts' that we do not have."""


@dataclass(frozen=True, slots=True)
class ExpertWord:
    """A word and what the experts found: accuracy 0 to 10 each, and their notes on its phonemes (`noted`)."""

    text: str
    accuracy: tuple[float, ...]
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpertReading:
    """A clip: who read what, and how the experts judged it."""

    name: str
    speaker: str
    age: int
    text: str
    words: tuple[ExpertWord, ...]


def noted(phones: str) -> list[tuple[str, Mark]]:
    """An expert's notes on a word as our symbols and marks: ``K {AE0} (T) [S]`` is right, accented, wrong, inserted."""
    found: list[tuple[str, Mark]] = []
    for match in _MARKED.finditer(phones):
        mark: Mark = next(kind for kind in ("accented", "wrong", "inserted", "right") if match[kind] is not None)
        for symbol in match[mark].split():
            plain = symbol.rstrip("012")
            found += [(ours, mark) for ours in _SYMBOLS.get(plain, (plain,))]
    return found


def clone(folder: Path) -> Path:
    """The corpus's git directory under ``folder``, cloned with its history (700 MB) where it is not there yet.

    Raises CalledProcessError when git cannot reach it.
    """
    if not folder.exists():
        subprocess.run(["git", "clone", "--bare", REPOSITORY, str(folder)], check=True)
    return folder


def readings(repository: Path, part: Part) -> list[ExpertReading]:
    """The clips of one part, as the git directory ``repository`` has them, in the order of their names."""
    folder = "dev" if part == "train" else "test"
    speakers = dict(line.split() for line in _show(repository, f"{SCORES}:{folder}/utt2spk").splitlines())
    ages = dict(line.split() for line in _show(repository, f"{SCORES}:{folder}/spk2age").splitlines())
    found = []
    for line in _show(repository, f"{SCORES}:{folder}/utt2score").splitlines():
        name, scores = line.split("\t", 1)
        judged = json.loads(scores)
        words = tuple(
            ExpertWord(word["text"], tuple(word["accuracy"]), tuple(word["phones"])) for word in judged["words"]
        )
        speaker = speakers[name]
        found.append(ExpertReading(name, speaker, int(ages[speaker]), judged["text"], words))
    return sorted(found, key=lambda reading: reading.name)


def recordings(repository: Path, names: set[str]) -> Iterator[tuple[str, NDArray[np.int16]]]:
    """The samples (16 kHz, mono) of the clips called ``names``, in the order in which git has them.

    The newest commit lacks some blobs in shallow or filtered copies; the folder WAVE alone is asked for.
    """
    with subprocess.Popen(
        ["git", "--git-dir", str(repository), "archive", "HEAD:WAVE"], stdout=subprocess.PIPE
    ) as archive:
        assert archive.stdout is not None
        with tarfile.open(fileobj=archive.stdout, mode="r|") as files:
            for member in files:
                name = Path(member.name).stem
                if name in names and (file := files.extractfile(member)) is not None:
                    samples, rate = soundfile.read(io.BytesIO(file.read()), dtype="int16")
                    if rate != 16_000 or samples.ndim != 1:
                        raise ValueError(f"{member.name} is not 16 kHz mono")
                    yield name, samples


def _show(repository: Path, file: str) -> str:
    shown = subprocess.run(
        ["git", "--git-dir", str(repository), "show", file], check=True, capture_output=True, text=True
    )
    return shown.stdout
