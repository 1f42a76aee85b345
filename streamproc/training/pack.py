"""Clips on disk as training reads them: all samples in one file that is mapped, and a line of JSON for each clip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

AUDIO, CLIPS = "audio.i16", "clips.jsonl"


class PackWriter:
    """Writes a pack; a context manager. The pack is there only when it is closed without an error."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._audio = (folder / f"{AUDIO}.part").open("wb")
        self._rows: list[dict[str, Any]] = []
        self._samples = 0

    def add(self, audio: NDArray[np.int16], **row: Any) -> None:
        """A clip of 16 kHz samples and what is known of it."""
        self._audio.write(audio.astype("<i2").tobytes())
        self._rows.append({"start": self._samples, "samples": len(audio), **row})
        self._samples += len(audio)

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._audio.close()
        if error is None:
            (self._folder / CLIPS).write_text("".join(json.dumps(row) + "\n" for row in self._rows), "utf-8")
            (self._folder / f"{AUDIO}.part").rename(self._folder / AUDIO)


class Pack:
    """A pack as it lies in ``folder``. Raises FileNotFoundError where none was finished."""

    def __init__(self, folder: Path) -> None:
        self.rows: Sequence[dict[str, Any]] = [
            json.loads(line) for line in (folder / CLIPS).read_text("utf-8").splitlines()
        ]
        self._audio = np.memmap(folder / AUDIO, dtype="<i2", mode="r")

    def audio(self, index: int) -> NDArray[np.float32]:
        """The samples of a clip within -1 to 1."""
        row = self.rows[index]
        samples = self._audio[row["start"] : row["start"] + row["samples"]]
        return np.asarray(samples, dtype=np.float32) / np.float32(32768)


def is_pack(folder: Path) -> bool:
    """Whether a finished pack lies there."""
    return (folder / AUDIO).exists() and (folder / CLIPS).exists()
