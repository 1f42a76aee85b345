"""Synthetic readers: text, or explicit phonemes, spoken by espeak-ng, with the time of every word and phoneme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from streamproc.scoring import espeak

SAMPLE_RATE = 16_000
"""Samples a second of all speech made here: what the model hears."""

_CONSONANTS = {
    "B": "b", "CH": "tS", "D": "d", "DH": "D", "F": "f", "G": "g", "HH": "h", "JH": "dZ", "K": "k", "L": "l",
    "M": "m", "N": "n", "NG": "N", "P": "p", "R": "r", "S": "s", "SH": "S", "T": "t", "TH": "T", "V": "v", "W": "w",
    "Y": "j", "Z": "z", "ZH": "Z",
}  # fmt: skip
_STRESSED = {
    "AA": "A:", "AE": "a", "AH": "V", "AO": "O:", "AW": "aU", "AX": "@", "AY": "aI", "EH": "E", "ER": "3:",
    "EY": "eI", "IH": "I", "IY": "i:", "OW": "oU", "OY": "OI", "UH": "U", "UW": "u:",
}  # fmt: skip
_UNSTRESSED = _STRESSED | {"AH": "@", "ER": "3", "IY": "i", "UW": "u"}
# American vowels before r are one sound each; a vowel after them brings its own r.
_BEFORE_R = {"AA": "A@", "AO": "o@", "EH": "e@", "IH": "i@3", "UH": "U@"}
_STRESS_MARK = {"1": "'", "2": ",", "0": ""}


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks: an espeak-ng voice with its variant, words a minute, and pitch (0 to 99).

    ``size`` scales the speaker: 0.9 plays the voice 1/0.9 times faster and asks espeak-ng to speak slower by as much,
    so that pitch and formants rise together, as in a shorter vocal tract, at the same words a minute.
    """

    name: str = "en-us"
    speed: int = 150
    pitch: int = 50
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """What is to be said. ``text`` may end in punctuation, which makes the pauses and the tune.

    ``phonemes``: the pronunciation in ARPAbet, vowels with the stress digits of the CMU dictionary where they are
    known (``HH AH0 L OW1``); None lets espeak-ng pronounce the text.
    """

    text: str
    phonemes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it was spoken: our 40 symbols and the second at which each begins; ``end`` is the last one's end."""

    text: str
    phonemes: tuple[str, ...]
    starts: tuple[float, ...]
    end: float

    @property
    def start(self) -> float:
        """Seconds from the clip's beginning."""
        return self.starts[0] if self.starts else self.end


@dataclass(frozen=True, slots=True)
class Speech:
    """A clip: float32 samples [n] within -1 to 1, 16 kHz mono, and its words in order."""

    audio: NDArray[np.float32]
    words: tuple[SpokenWord, ...]

    @property
    def phonemes(self) -> list[str]:
        """All that was said."""
        return [phoneme for word in self.words for phoneme in word.phonemes]


def without_stress(pronunciation: Sequence[str]) -> tuple[str, ...]:
    """Our symbols for a pronunciation of the CMU dictionary: ``AH0`` is AX, other stress digits go."""
    return tuple("AX" if symbol == "AH0" else symbol.rstrip("012") for symbol in pronunciation)


def to_mnemonics(pronunciation: Sequence[str]) -> str:
    """espeak-ng's mnemonics for an ARPAbet pronunciation, ready to stand within ``[[…]]``.

    Without any stress digit the first vowel that is not AX is stressed. Raises ValueError for an unknown symbol.
    """
    known = any(symbol[-1:].isdigit() for symbol in pronunciation)
    stressed = False
    parts: list[str] = []
    previous = ""
    for index, marked in enumerate(pronunciation):
        symbol = marked.rstrip("012")
        following = [other.rstrip("012") for other in pronunciation[index + 1 : index + 3]]
        if symbol in _CONSONANTS:
            joined = symbol == "R" and previous in _BEFORE_R and not (following and following[0] in _STRESSED)
            if not joined:
                parts.append(_CONSONANTS[symbol])
        elif symbol in _STRESSED:
            digit = marked[-1] if marked[-1].isdigit() else "0"
            if not known and not stressed and symbol != "AX":
                digit, stressed = "1", True
            if symbol in _BEFORE_R and following[:1] == ["R"]:
                vowel = _BEFORE_R[symbol]
            else:
                vowel = (_UNSTRESSED if digit == "0" and known else _STRESSED)[symbol]
            parts.append(_STRESS_MARK[digit] + vowel)
        else:
            raise ValueError(f"no such phoneme: {marked!r}")
        previous = symbol
    return "|".join(parts)


class Synthesiser:
    """Speaks readings with espeak-ng.

    espeak-ng carries the phase of its voice from one clip to the next: the same calls in the same order in a fresh
    process give the same bytes, the same call twice does not. Raises EspeakError where it is not installed.
    """

    def __init__(self) -> None:
        self._engine = espeak.engine()

    def say(self, words: Sequence[Word], voice: Voice | None = None) -> Speech:
        """One clip of the words in order. Raises EspeakError for an unknown voice.

        Where espeak-ng pronounces and runs little words together ("of the"), the first holds the phonemes of both.
        """
        voice = voice or Voice()
        text = ""
        positions: list[int] = []  # of each word's first character, from 1, as espeak counts
        for word in words:
            positions.append(len(text) + 1)
            if word.phonemes is None:
                text += f"{word.text} "
            else:
                ending = word.text[len(word.text.rstrip(".,!?;:")) :]
                text += f"[[{to_mnemonics(word.phonemes)}]]{ending} "
        speed = max(80, round(voice.speed * voice.size))
        samples, events = self._engine.speak(text, voice=voice.name, speed=speed, pitch=voice.pitch)
        native = np.frombuffer(samples, dtype=np.int16).astype(np.float32) / 32768
        rate = espeak.SAMPLE_RATE / voice.size
        audio = soxr.resample(native, rate, SAMPLE_RATE).astype(np.float32)
        phonemes = [event for event in events if event.mnemonic is not None]
        ends = [event.sample for event in phonemes[1:]] + [len(native)]
        spoken = []
        for index, word in enumerate(words):
            first = positions[index]
            last = positions[index + 1] if index + 1 < len(words) else len(text) + 1
            own = [
                (event.mnemonic, event.sample / rate, end / rate)
                for event, end in zip(phonemes, ends, strict=True)
                if first <= event.text_position < last and event.mnemonic in espeak.SYMBOLS
            ]
            spoken.append(_spoken(word, own))
        return Speech(np.clip(audio, -1.0, 1.0), tuple(spoken))

    def read(self, text: str, voice: Voice | None = None) -> Speech:
        """One clip of plain text, as espeak-ng pronounces it."""
        return self.say([Word(word) for word in text.split()], voice)


def _spoken(word: Word, events: Sequence[tuple[str | None, float, float]]) -> SpokenWord:
    """The word with the times of its phonemes: espeak's own where it said what was asked, else spread evenly."""
    timed: list[tuple[str, float]] = []
    for mnemonic, start, end in events:
        symbols = espeak.SYMBOLS[mnemonic or ""]
        if symbols == ("R",) and timed and timed[-1][0] in ("R", "ER"):
            continue
        timed += [(symbol, start + (end - start) * i / len(symbols)) for i, symbol in enumerate(symbols)]
    begin, finish = (events[0][1], events[-1][2]) if events else (0.0, 0.0)
    asked = None if word.phonemes is None else without_stress(word.phonemes)
    heard = tuple(symbol for symbol, _ in timed)
    if asked is None or len(asked) == len(heard):
        return SpokenWord(word.text, asked or heard, tuple(start for _, start in timed), finish)
    spread = tuple(begin + (finish - begin) * i / len(asked) for i in range(len(asked)))
    return SpokenWord(word.text, asked, spread, finish)
