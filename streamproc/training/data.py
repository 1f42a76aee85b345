"""``python -m streamproc.training.data FOLDER``: everything that training hears, in one folder, never committed.

Real readings are cloned from their public repository, synthetic ones are made here from a seed. Licences of all of it:
docs/how-to/train-the-model.md. The test part of the real readings lies beside the train part, for reports only.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.training import sentences, speechocean
from streamproc.training.batches import dictionary
from streamproc.training.corpus import altered, pronunciations, training_clips, training_sentence, unseen_words
from streamproc.training.pack import PackWriter, is_pack
from streamproc.training.speech import Synthesiser
from streamproc.training.voices import FLITE_VOICES, VoiceError, flite, flite_phonemes, ked

ESPEAK_CLIPS, OTHER_CLIPS = 4000, 900
"""Clips of espeak-ng, and of each voice of the other synthesisers."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--repository", type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A git directory of speechocean762 with its history, where there is one; else it is cloned.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of the synthetic speech.")
def main(folder: Path, repository: Path | None, seed: int) -> None:
    """Fetch the real readings and make the synthetic ones that training hears, in FOLDER (1.5 GB).

    What is there already stays. Needs git, network unless --repository is given, flite, festival with festvox-kdlpc16k,
    and the extras training and speech.
    """
    console = Console(stderr=True)
    try:
        for name, make in parts(folder, repository, seed).items():
            if is_pack(folder / name):
                console.print(f"{name}: there")
                continue
            with console.status(name), PackWriter(folder / name) as pack:
                make(pack)
            console.print(f"{name}: made")
    except (VoiceError, subprocess.CalledProcessError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(1)


def parts(folder: Path, repository: Path | None, seed: int) -> dict[str, Callable[[PackWriter], None]]:
    """What to make, by the folder it lies in."""

    def source() -> Path:
        return repository or speechocean.clone(folder / "speechocean762.git")

    made: dict[str, Callable[[PackWriter], None]] = {
        "real/train": lambda pack: add_real(pack, source(), "train"),
        "real/test": lambda pack: add_real(pack, source(), "test"),
    }
    for voice in FLITE_VOICES:
        made[f"synthetic/{voice}"] = lambda pack, voice=voice: add_flite(pack, voice, seed)  # type: ignore[misc]
    made["synthetic/ked"] = lambda pack: add_ked(pack, seed)
    made["synthetic/espeak"] = lambda pack: add_espeak(pack, seed)
    return made


def add_real(pack: PackWriter, repository: Path, part: speechocean.Part) -> None:
    """The readings of one part of speechocean762. Raises ValueError when audio is missing."""
    readings = {reading.name: reading for reading in speechocean.readings(repository, part)}
    for name, samples in speechocean.recordings(repository, set(readings)):
        pack.add(samples, **dataclasses.asdict(readings.pop(name)))
    if readings:
        raise ValueError(f"{len(readings)} recordings are not in {repository}, as {min(readings)}")


def add_espeak(pack: PackWriter, seed: int) -> None:
    """espeak-ng's clips: made sentences and rows of words, many mispronounced."""
    for clip in itertools.islice(training_clips(seed, dictionary(), Synthesiser()), ESPEAK_CLIPS):
        samples = np.round(clip.speech.audio * 32767).astype(np.int16)
        pack.add(samples, phones=[PHONEME_CODES[phoneme] for phoneme in clip.speech.phonemes], slow=1.0)


def add_flite(pack: PackWriter, voice: str, seed: int) -> None:
    """Texts, and rows of mispronounced words as explicit phonemes, by one of flite's voices."""
    rng = random.Random(f"{seed}:{voice}")
    texts = _texts(rng)
    known = pronunciations()
    for _ in range(OTHER_CLIPS):
        slow = rng.uniform(0.85, 1.6)
        if rng.random() < 0.75:
            samples, phones = flite(voice, next(texts), slow)
        else:
            sounds: list[str] = []
            for _ in range(rng.randint(2, 6)):
                spoken = rng.choice(known[rng.choice(sorted(known))])
                sounds += altered(spoken, rng) if rng.random() < 0.6 else spoken
                sounds += ["pau"] * (rng.random() < 0.2)
            samples, phones = flite_phonemes(voice, sounds, slow)
        pack.add(samples, phones=phones, slow=slow)


def add_ked(pack: PackWriter, seed: int) -> None:
    """Texts by festival's ked."""
    rng = random.Random(f"{seed}:ked")
    texts = list(itertools.islice(_texts(rng), OTHER_CLIPS))
    slow = [rng.uniform(0.85, 1.6) for _ in texts]
    for (samples, phones), stretch in zip(ked(texts, slow), slow, strict=True):
        pack.add(samples, phones=phones, slow=stretch)


def _texts(rng: random.Random) -> Iterator[str]:
    """Half sentences, half rows of words that make no sense; commas, where young readers stop."""
    words = sorted(
        word for word, spoken in dictionary().items()
        if word.isalpha() and 1 < len(word) < 9 and word not in unseen_words() and len(spoken) == 1
    )  # fmt: skip
    common = sorted({word for group in sentences.WORDS.values() for word in group})
    while True:
        if rng.random() < 0.5:
            text = list(training_sentence(rng))
        else:
            text = [rng.choice(words if rng.random() < 0.6 else common) for _ in range(rng.randint(2, 8))]
        pause = rng.choice((0.0, 0.0, 0.1, 0.4))
        yield " ".join(word + "," * (rng.random() < pause) for word in text)


if __name__ == "__main__":
    main()
