"""Synthetic readers say what they are asked to say, when they say it, and the same in every process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from streamproc.scoring.espeak import EspeakError
from streamproc.scoring.g2p import pronounce
from streamproc.training.speech import Synthesiser, Voice, Word, to_mnemonics, without_stress


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    return Synthesiser()


@pytest.mark.parametrize(
    ("pronunciation", "mnemonics"),
    [
        ("HH AH0 L OW1", "h|@|l|'oU"),
        ("S T AO1 R IY0", "s|t|'o@|r|i"),
        ("K AA1 R", "k|'A@"),
        ("HH EH1 R", "h|'e@"),
        ("B ER1 D", "b|'3:|d"),
        ("M AH1 DH ER0", "m|'V|D|3"),
        ("AX G EH N", "@|g|'E|n"),
        ("UH2 N D IY1", ",U|n|d|'i:"),
    ],
)
def test_a_pronunciation_becomes_espeaks_mnemonics(pronunciation: str, mnemonics: str) -> None:
    assert to_mnemonics(pronunciation.split()) == mnemonics


def test_an_unknown_phoneme_is_refused() -> None:
    with pytest.raises(ValueError, match="'QQ'"):
        to_mnemonics(["K", "QQ"])


def test_stress_folds_into_our_symbols() -> None:
    assert without_stress(["AH0", "G", "AH1", "N", "ER2"]) == ("AX", "G", "AH", "N", "ER")


def test_words_are_spoken_in_order_with_their_phonemes_and_times(synthesiser: Synthesiser) -> None:
    words = [
        Word("The", ("DH", "AH0")),
        Word("story,", ("S", "T", "AO1", "R", "IY0")),
        Word("again"),
    ]
    speech = synthesiser.say(words, Voice("en-us+f2", speed=140, pitch=60, size=0.9))
    assert [word.text for word in speech.words] == ["The", "story,", "again"]
    assert speech.phonemes == ["DH", "AX", "S", "T", "AO", "R", "IY", "AX", "G", "EH", "N"]
    starts = [start for word in speech.words for start in word.starts]
    assert starts == sorted(starts)
    assert all(word.start < word.end for word in speech.words)
    assert speech.words[-1].end * 16_000 <= len(speech.audio)
    # The comma is a pause; while a word is spoken there is sound.
    the, story, again = speech.words
    assert again.start - story.end > 0.1 > story.start - the.end
    spoken, pause = (
        np.abs(speech.audio[int(16_000 * start) : int(16_000 * end)]).max()
        for start, end in ((story.start, story.end), (story.end + 0.05, again.start - 0.05))
    )
    assert spoken > 20 * pause


def test_size_makes_a_smaller_speaker_at_the_same_speed(synthesiser: Synthesiser) -> None:
    words = [Word(word) for word in ["she", "sells", "some", "shells", "by", "the", "shore"]]
    grown, small = (synthesiser.say(words, Voice("en-us+m3", 150, 50, size)).audio for size in (1.0, 0.85))

    def centre(audio: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        power = np.abs(np.fft.rfft(audio)) ** 2
        return float((power * np.arange(len(power))).sum() / power.sum() / len(audio) * 16_000)

    assert abs(len(small) / len(grown) - 1) < 0.1
    assert centre(small) > 1.05 * centre(grown)


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(EspeakError, match="en-us\\+nobody"):
        Synthesiser().read("hello", Voice("en-us+nobody"))


def test_a_fresh_process_says_the_same_bytes() -> None:
    program = (
        "import hashlib; from streamproc.training.speech import Synthesiser, Voice; s = Synthesiser();"
        "print(*(hashlib.sha256(s.read('a cat', Voice('en-us+' + v)).audio).hexdigest() for v in ('klatt2', 'f3')))"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 100


def test_no_torch_is_needed_to_speak() -> None:
    program = "import sys, streamproc.training.speech, streamproc.training.corpus; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [("zog", "Z AA G"), ("Camera", "K AE M R AX"), ("button", "B AH T AX N"), ("story", "S T AO R IY")],
)
def test_unknown_words_are_pronounced(word: str, phonemes: str) -> None:
    assert pronounce(word) == phonemes.split()


@pytest.mark.parametrize("text", ["", "🙂", "two words", "[[h]]", "--", "<p>"])
def test_what_is_no_word_has_no_pronunciation(text: str) -> None:
    assert pronounce(text) is None
