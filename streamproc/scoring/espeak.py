"""espeak-ng, bound by ctypes: what a word sounds like, and speech with the time of every phoneme.

The library comes from the PyPI package ``espeakng-loader`` (GPL-3, the extra ``speech``); nothing else in the worker
needs it. espeak-ng keeps its state in globals, so every call is made under one lock, and a process has one engine.
Phonemes are espeak's mnemonics (docs/phonemes.md of espeak-ng) here; `SYMBOLS` maps those of American English to ours.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SAMPLE_RATE = 22050
"""Samples a second of what espeak-ng 1.52 speaks."""

SYMBOLS: dict[str, tuple[str, ...]] = {
    "0": ("AA",), "0#": ("AA",), "A": ("AA",), "A:": ("AA",), "A#": ("AA",), "A@": ("AA", "R"), "a": ("AE",),
    "aa": ("AE",), "a#": ("AX",), "V": ("AH",), "V#": ("AH",), "O": ("AO",), "O:": ("AO",), "O2": ("AO",),
    "O@": ("AO", "R"), "o@": ("AO", "R"), "aU": ("AW",), "aU@": ("AW", "ER"), "@": ("AX",), "@2": ("AX",),
    "@5": ("AX",), "@#": ("AX",), "@L": ("AX", "L"), "aI": ("AY",), "aI@": ("AY", "AX"), "aI3": ("AY", "ER"),
    "b": ("B",), "tS": ("CH",), "d": ("D",), "d#": ("D",), "D": ("DH",), "E": ("EH",), "E#": ("IH",), "E2": ("EH",),
    "e@": ("EH", "R"), "3": ("ER",), "3:": ("ER",), "VR": ("ER",), "eI": ("EY",), "f": ("F",), "g": ("G",),
    "h": ("HH",), "I": ("IH",), "I#": ("IH",), "I2": ("IH",), "I2#": ("IH",), "I@": ("IH", "R"), "i@": ("IY", "AX"),
    "i@3": ("IH", "R"), "i": ("IY",), "i:": ("IY",), "dZ": ("JH",), "k": ("K",), "x": ("K",), "l": ("L",),
    "m": ("M",), "n": ("N",), "n-": ("AX", "N"), "N": ("NG",), "oU": ("OW",), "oU#": ("OW",), "OI": ("OY",),
    "p": ("P",), "r": ("R",), "s": ("S",), "S": ("SH",), "t": ("T",), "t#": ("T",), "t2": ("T",),
    "?": ("T",), "*": ("T",), "T": ("TH",), "U": ("UH",), "U@": ("UH", "R"), "u": ("UW",), "u:": ("UW",),
    "v": ("V",), "w": ("W",), "w#": ("W",), "j": ("Y",), "z": ("Z",), "z#": ("Z",), "Z": ("ZH",),
}  # fmt: skip
"""Our symbols for each mnemonic of the voice ``en-us``; others are pauses, marks and linking sounds."""

_PATH_GIVEN_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples go to the callback, calls return when all is spoken
_PHONEME_EVENTS, _DONT_EXIT = 1, 1 << 15
_UTF8, _PHONEMES = 1, 0x100  # [[…]] holds phonemes
_RATE, _PITCH = 1, 3
_LIST_END, _WORD, _PHONEME = 0, 1, 7
_STRESS = "',%="


def symbols(mnemonics: Iterable[str]) -> list[str]:
    """Our symbols for a word's mnemonics: pauses and marks vanish, and a vowel with r and its linking r share one R."""
    found: list[str] = []
    for mnemonic in mnemonics:
        spoken = SYMBOLS.get(mnemonic, ())
        if spoken == ("R",) and found[-1:] in (["R"], ["ER"]):
            continue
        found += spoken
    return found


class EspeakError(RuntimeError):
    """espeak-ng is not installed, or refused a call; the message says which."""


@dataclass(frozen=True, slots=True)
class SpeechEvent:
    """A word or a phoneme begins: ``mnemonic`` is None for a word, else espeak's name without stress marks."""

    sample: int
    text_position: int
    """Character of the spoken text that the event belongs to, from 1."""
    mnemonic: str | None


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The process's engine; get it with `engine`."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise EspeakError("espeak-ng is not installed: pip install 'streamproc[speech]'") from error
        self._lock = threading.Lock()
        self._audio: list[bytes] = []
        self._events: list[SpeechEvent] = []
        library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        options = _PHONEME_EVENTS | _DONT_EXIT
        if library.espeak_Initialize(_PATH_GIVEN_SYNCHRONOUS, 0, data, options) != SAMPLE_RATE:
            raise EspeakError("espeak-ng did not start at 22050 Hz")
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p,
        ]  # fmt: skip
        library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._callback = _CALLBACK(self._receive)  # kept: espeak calls it as long as the process lives
        library.espeak_SetSynthCallback(self._callback)
        self._library = library
        self._variants = {file.name for file in Path(str(espeakng_loader.get_data_path()), "voices", "!v").iterdir()}

    def speak(self, text: str, *, voice: str, speed: int, pitch: int) -> tuple[bytes, list[SpeechEvent]]:
        """Speak ``text``, in which ``[[…]]`` holds mnemonics, with a voice such as ``en-us+f3``.

        ``speed`` is in words a minute (80 to 450), ``pitch`` 0 to 99. Returns 16-bit mono samples at `SAMPLE_RATE` and
        the events in the order of their samples. Raises EspeakError for a voice that does not exist.
        """
        encoded = text.encode()
        with self._lock:
            self._audio, self._events = [], []
            # espeak seeds its noise (breath, flutter) with the time of day otherwise.
            self._library.espeak_ng_SetRandSeed(1)
            self._set_voice(voice)
            self._library.espeak_SetParameter(_RATE, speed, 0)
            self._library.espeak_SetParameter(_PITCH, pitch, 0)
            code = self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8 | _PHONEMES, None, None)
            if code != 0:
                raise EspeakError(f"espeak-ng could not speak: error {code}")
            return b"".join(self._audio), self._events

    def mnemonics(self, text: str, *, voice: str = "en-us") -> list[str]:
        """The mnemonics, stress marks removed, with which ``text`` is spoken."""
        with self._lock:
            self._set_voice(voice)
            rest = ctypes.c_char_p(text.encode())
            found: list[str] = []
            while rest.value:
                # One clause a call; the pointer is moved on and is NULL at the end. "|" separates mnemonics.
                spoken = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, ord("|") << 8)
                found += [part.lstrip(_STRESS) for word in spoken.decode().split() for part in word.split("|")]
            return [mnemonic for mnemonic in found if mnemonic]

    def _set_voice(self, voice: str) -> None:
        # espeak itself takes an unknown variant for the plain voice.
        _, plus, variant = voice.partition("+")
        unknown = plus and variant not in self._variants
        if unknown or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {voice!r}")

    def _receive(self, samples: int | None, count: int, events: ctypes._Pointer[_Event]) -> int:
        if samples and count:
            self._audio.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type != _LIST_END:
            event = events[index]
            if event.type == _WORD:
                self._events.append(SpeechEvent(event.sample, event.text_position, None))
            elif event.type == _PHONEME:
                mnemonic = event.id.string.decode(errors="replace").lstrip(_STRESS)
                self._events.append(SpeechEvent(event.sample, event.text_position, mnemonic))
            index += 1
        return 0


_starting = threading.Lock()


def engine() -> Espeak:
    """The process's espeak-ng. Raises EspeakError where the extra ``speech`` is not installed."""
    # The cache alone would let threads that ask at once start one each, over the same globals.
    with _starting:
        return _engine()


@functools.cache
def _engine() -> Espeak:
    return Espeak()
