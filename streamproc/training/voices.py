"""Other synthesisers than espeak-ng: Debian's flite and festival, run as programs, with the phonemes that they spoke.

A network that has heard one synthesiser hears that one. flite's voices are statistical (slt, rms, awb) or made of
diphones (kal), as is festival's ked; both print the segments that they spoke, which are the labels.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamproc.scoring.phonemes import PHONEME_CODES

Spoken = tuple[NDArray[np.int16], list[int]]
"""Samples at 16 kHz, and the phoneme codes in order."""

FLITE_VOICES = ("slt", "rms", "awb", "kal16")


class VoiceError(RuntimeError):
    """A synthesiser is not installed or failed; the message says which package it is in."""


def flite(voice: str, text: str, stretch: float) -> Spoken:
    """``text`` by a voice of flite, ``stretch`` times as slowly as it speaks by itself."""
    return _flite(voice, ["-t", text], stretch)


def flite_phonemes(voice: str, pronunciation: Sequence[str], stretch: float) -> Spoken:
    """Explicit phonemes (ARPAbet with stress digits; "pau" is a pause) by a voice of flite."""
    symbols = [symbol.lower().replace("ah0", "ax").replace("0", "").replace("2", "") for symbol in pronunciation]
    return _flite(voice, ["-p", " ".join(["pau", *symbols, "pau"])], stretch)


def _flite(voice: str, what: Sequence[str], stretch: float) -> Spoken:
    program = shutil.which("flite")
    if program is None:
        raise VoiceError("flite is not installed: apt-get install flite")
    with tempfile.NamedTemporaryFile(suffix=".wav") as wave:
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch:.2f}", "-psdur", *what]
        ran = subprocess.run([*command, "-o", wave.name], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise VoiceError(f"flite -voice {voice} failed: {ran.stderr.strip()}")
        return _samples(Path(wave.name)), _codes(item.rsplit(":", 1)[0] for item in ran.stdout.split())


def ked(texts: Sequence[str], stretch: Sequence[float]) -> Iterator[Spoken]:
    """Each of ``texts`` by festival's diphone voice ked, in one process."""
    program = shutil.which("festival")
    if program is None:
        raise VoiceError("festival is not installed: apt-get install festival festvox-kdlpc16k")
    with tempfile.TemporaryDirectory() as folder:
        script = ["(voice_ked_diphone)"]
        for number, (text, slow) in enumerate(zip(texts, stretch, strict=True)):
            plain = re.sub(r"[^A-Za-z' ,.]", "", text)
            script += [
                f"(Parameter.set 'Duration_Stretch {slow:.2f})",
                f'(set! u (utt.synth (Utterance Text "{plain}")))',
                f'(utt.save.wave u "{folder}/{number}.wav" \'riff)',
                '(mapcar (lambda (s) (format t "%s " (item.name s))) (utt.relation.items u \'Segment))',
                '(format t "\\n")',
            ]
        file = Path(folder, "all.scm")
        file.write_text("\n".join(script), "utf-8")
        ran = subprocess.run([program, "-b", str(file)], capture_output=True, text=True, check=False)
        lines = ran.stdout.splitlines()
        if ran.returncode or len(lines) != len(texts):
            raise VoiceError(f"festival with festvox-kdlpc16k failed: {ran.stderr.strip()[:200]}")
        for number, line in enumerate(lines):
            yield _samples(Path(folder, f"{number}.wav")), _codes(line.split())


def _samples(wave: Path) -> NDArray[np.int16]:
    samples, rate = soundfile.read(wave, dtype="int16")
    if rate != 16_000:
        raise VoiceError(f"{wave.name} is at {rate} Hz, not at 16000")
    return np.asarray(samples, dtype=np.int16)


def _codes(segments: Iterator[str] | Sequence[str]) -> list[int]:
    return [PHONEME_CODES[name.upper()] for name in segments if name not in ("pau", "#", "h#")]
