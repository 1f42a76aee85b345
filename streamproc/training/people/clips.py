"""Recordings of people with what they were to read, as three kinds of folder hold them.

A manifest (``manifest.jsonl``, a line a clip: ``file``, ``text``, and ``speaker``, ``age``, ``condition``, ``words``
where known), a table (one ``*.csv`` with columns of those names), or Kaldi's files (``wav.scp``, ``text``, and
``utt2spk``, ``spk2age``, ``utt2score`` where they are); and what `streamproc.training.data` made.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.decode import decode_clip
from streamproc.errors import StreamprocError
from streamproc.training.pack import Pack, is_pack

Floats = NDArray[np.float32]

LONGEST = 600.0
"""Seconds of a clip that are decoded at most."""


class FolderError(Exception):
    """A folder of recordings that cannot be used; the message says why, naming file and line."""


class RecordingError(FolderError):
    """One recording that cannot be read; the others of its folder may be well."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class MarkedWord:
    """A word that was to be read, and the accuracy from 0 to 10 that each expert gave it."""

    text: str
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PersonClip:
    """One recording. ``words`` is empty where nobody marked it; ``age`` is None where it is not known."""

    name: str
    speaker: str
    age: int | None
    condition: str
    text: str
    words: tuple[MarkedWord, ...]
    audio: Callable[[], Floats]
    """Reads it: samples at 16 kHz, mono. Raises RecordingError."""


def read_folder(folder: Path) -> list[PersonClip]:
    """The clips of ``folder``. Raises FolderError where it is none of the three kinds, or holds something else."""
    if is_pack(folder):
        pack = Pack(folder)
        return [_clip(row, row["name"], _from_pack(pack, index)) for index, row in enumerate(pack.rows)]
    if (manifest := folder / "manifest.jsonl").exists():
        return list(_rows(folder, manifest, _json_lines(manifest)))
    if (folder / "wav.scp").exists():
        return _kaldi(folder)
    tables = sorted(folder.glob("*.csv"))
    if len(tables) == 1:
        table = csv.DictReader(io.StringIO(_utf8(tables[0]), newline=""))
        return list(_rows(folder, tables[0], enumerate(table, 2)))
    raise FolderError(
        f"{folder} holds neither a manifest.jsonl, nor Kaldi's wav.scp and text, nor one table *.csv with the columns "
        "file and text"
    )


def readable(
    clips: Sequence[PersonClip], progress: Callable[[int], None] = lambda done: None
) -> tuple[list[PersonClip], dict[str, str]]:
    """The clips whose recordings can be read, and by the names of the others why they cannot.

    ``progress``: told how many have been tried. What comes later reads each again, so that not all are held at once.
    """
    well, broken = [], dict[str, str]()
    for number, clip in enumerate(clips, 1):
        try:
            clip.audio()
            well.append(clip)
        except RecordingError as error:
            broken[clip.name] = error.why
        progress(number)
    return well, broken


def _json_lines(manifest: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(_utf8(manifest).splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise FolderError(f"{manifest}:{number}: no JSON: {error}") from None
            if not isinstance(row, dict):
                raise FolderError(f"{manifest}:{number}: no JSON object")
            yield number, row


def _rows(folder: Path, source: Path, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterable[PersonClip]:
    for number, row in rows:
        if not row.get("file") or not row.get("text"):
            raise FolderError(f"{source}:{number}: file and text are needed")
        try:
            yield _clip(row, row["file"], _from_file(folder / row["file"]))
        except (KeyError, TypeError, ValueError) as error:
            raise FolderError(f"{source}:{number}: {_why(error)}") from None


def _kaldi(folder: Path) -> list[PersonClip]:
    texts, speakers, ages, scores = (_table(folder / name) for name in ("text", "utt2spk", "spk2age", "utt2score"))
    clips = []
    for name, place in _table(folder / "wav.scp").items():
        if place.endswith("|"):
            raise FolderError(f"{folder / 'wav.scp'}: {name} is a command; files only")
        if name not in texts:
            raise FolderError(f"{folder / 'text'}: there is no text of {name}")
        file = folder / place
        if not file.exists() and (folder.parent / place).exists():
            file = folder.parent / place
        speaker = speakers.get(name, name)
        row: dict[str, Any] = {"text": texts[name], "speaker": speaker, "age": ages.get(speaker)}
        try:
            if name in scores:
                row["words"] = json.loads(scores[name])["words"]
            clips.append(_clip(row, name, _from_file(file)))
        except (KeyError, TypeError, ValueError) as error:
            raise FolderError(f"{folder}: {name}, its age or its marks: {_why(error)}") from None
    return clips


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _utf8(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FolderError(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from None


def _table(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    rows = (line.split(maxsplit=1) for line in _utf8(file).splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def _clip(row: Mapping[str, Any], name: str, audio: Callable[[], Floats]) -> PersonClip:
    words = tuple(MarkedWord(word["text"], _marks(word["accuracy"])) for word in row.get("words") or ())
    return PersonClip(
        name, str(row.get("speaker") or name), _age(row.get("age")),
        str(row.get("condition") or "as recorded"), row["text"], words, audio,
    )  # fmt: skip


def _marks(given: Any) -> tuple[float, ...]:
    """The marks of one expert or of several."""
    marks = tuple(map(float, given if isinstance(given, list) else [given]))
    if not all(0 <= mark <= 10 for mark in marks):
        raise ValueError(f"accuracy is a mark from 0 to 10 of each expert, not {given}")
    return marks


def _age(given: Any) -> int | None:
    if given in (None, ""):
        return None
    try:
        age = float(given)
    except ValueError:
        age = math.nan
    if not 0 <= age <= 130:
        raise ValueError(f"age is a number of years, not {given!r}")
    return int(age)


def _from_pack(pack: Pack, index: int) -> Callable[[], Floats]:
    return lambda: pack.audio(index)


def _from_file(file: Path) -> Callable[[], Floats]:
    def read() -> Floats:
        try:
            return decode_clip(file.read_bytes(), LONGEST)
        except (StreamprocError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise RecordingError(file, why or "it cannot be read") from None

    return read
