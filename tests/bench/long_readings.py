"""Long readings heard piece by piece and in windows, and their verdicts beside those of the whole.

    python tests/bench/long_readings.py FOLDER [--readings 200] [--half-hours 10] [--jobs 1] [--save FILE]

FOLDER holds recordings of people (as for `streamproc models evaluate`). A reading is one speaker's recordings in a row,
in a new order each time, with pauses of up to 0.6 s; readings of 150 to 300 s, and of half an hour. The model in the
tree hears each in one go, and as the worker hears what is long: its verdicts must be the same. The seconds are of the
processor, and what unpacks and weaves is among them.

Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.windows import LongClip, read_clip
from streamproc.contracts.generated.events import Codec, WordResult
from streamproc.demo.activities import encode
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Inference, Priority, Samples
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import Catalogue, built_in
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import Floats, log_softmax
from streamproc.scoring.fluency import FLAGGED
from streamproc.scoring.hearing import hear_clips
from streamproc.scoring.misread import strictness_of
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings
from streamproc.training.evaluate import MARGIN, MODEL, Recogniser, digest
from streamproc.training.people.clips import PersonClip, read_folder
from streamproc.training.speech import SAMPLE_RATE

LONGEST_PAUSE = 0.6
MOST_SECONDS = 1800.0
WAYS = ("pieces", "windows")


class Forgetful(OnnxEngine):
    """It cannot go on with a recording."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Pieces as clips like others."""
        return await super().infer([np.asarray(clip) for clip in clips], priority)


@dataclass
class Differences:
    """Of one way to hear from the whole."""

    readings: int = 0
    """That can be judged in both ways."""
    unscorable: int = 0
    """In one or both."""
    words: int = 0
    verdicts: int = 0
    flagged: int = 0
    inserted: int = 0
    probability: float = 0.0
    seconds: float = 0.0
    processor: float = 0.0
    by_reading: list[int] = field(default_factory=list)

    def add(self, other: Differences) -> None:
        """Those of other readings."""
        for name in (each.name for each in fields(self)):
            ours, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(ours, theirs) if name == "probability" else ours + theirs)

    def report(self) -> dict[str, float]:
        """Rounded, as JSON takes it."""
        words = max(self.words, 1)
        return {
            "readings": self.readings,
            "unscorable": self.unscorable,
            "words": self.words,
            "verdicts_that_differ": round(self.verdicts / words, 6),
            "flagged_in_one_alone": round(self.flagged / words, 6),
            "worst_reading": max(self.by_reading, default=0),
            "inserted_words_more_or_less": self.inserted,
            "most_apart_in_probability": round(self.probability, 6),
            "processor_ms_per_second": round(1000 * self.processor / max(self.seconds, 1e-9), 3),
        }


def readings(clips: Sequence[PersonClip], numbers: Iterable[int], seconds: tuple[float, float]) -> Iterator[Any]:
    """What was to be read, and the samples of it; the same for the same number."""
    by_speaker = groupby(sorted(clips, key=lambda clip: clip.speaker), key=lambda clip: clip.speaker)
    speakers = [list(own) for _, own in by_speaker]
    for number in numbers:
        random = np.random.default_rng([1, number])
        own, wanted = speakers[number % len(speakers)], random.uniform(*seconds) * SAMPLE_RATE
        words: list[str] = []
        parts: list[Floats] = []
        order: list[int] = []
        while sum(map(len, parts)) < wanted:
            order = order or [int(place) for place in random.permutation(len(own))]
            clip = own[order.pop()]
            words += clip.text.split()
            parts += [clip.audio(), np.zeros(int(random.uniform(0, LONGEST_PAUSE) * SAMPLE_RATE), np.float32)]
        yield words, np.concatenate(parts)[: int(MOST_SECONDS * SAMPLE_RATE)]


class Bench:
    """The model in the tree, in each way."""

    def __init__(self) -> None:
        self._whole = Recogniser(MODEL)
        repository, served = MODEL.parents[2], built_in("phonemes", "")
        self.engines = {
            "pieces": OnnxEngine(repository, served, 60, 1),
            "windows": Forgetful(repository, served, 60, 1),
        }
        self._threads, self._models, self._aligner = ScoringThreads(), Catalogue.read(None), VariantAligner()
        self._strictness = strictness_of(digest(MODEL), ScoringSettings().operating_point)

    async def compare(self, given: Iterator[Any]) -> dict[str, Differences]:
        """Each reading in each way with the whole."""
        found = {way: Differences() for way in ("whole", *WAYS)}
        for words, samples in given:
            content = encode(samples, Codec.FLAC, SAMPLE_RATE)
            clip = read_clip(content, MOST_SECONDS)
            assert isinstance(clip, LongClip)
            exactly = soundfile.read(io.BytesIO(content), dtype="float32")[0]
            expected = [ExpectedWord(word, lexicon.pronunciations(word)) for word in words]
            begun = time.process_time()
            whole = log_softmax(self._whole.logits([exactly])[0])
            heard = {"whole": (whole, time.process_time() - begun)}
            for way, engine in self.engines.items():
                heard[way] = await self._hear(engine, clip)
            of_whole = self._judged(whole, expected)
            for way, (log_probs, processor) in heard.items():
                assert log_probs.shape == whole.shape
                note(found[way], of_whole, self._judged(log_probs, expected))
                apart = float(np.abs(np.exp(log_probs) - np.exp(whole)).max())
                found[way].probability = max(found[way].probability, apart)
                found[way].seconds += len(samples) / SAMPLE_RATE
                found[way].processor += processor
            print(".", end="", file=sys.stderr, flush=True)
        return found

    async def _hear(self, engine: OnnxEngine, clip: LongClip) -> tuple[Floats, float]:
        retry = Retries(60, 0, Intake(lambda reason, closed: None))
        begun = time.process_time()
        inference = await hear_clips(engine, [clip], retry, Priority.LIVE, self._threads, self._models)
        return inference.logits[0], time.process_time() - begun

    def _judged(self, log_probs: Floats, expected: Sequence[ExpectedWord]) -> list[WordResult]:
        """Of a reading that cannot be judged, nothing."""
        try:
            return score_phrase(log_probs, expected, self._aligner, MARGIN, strictness=self._strictness)
        except StreamprocError:
            return []


def note(found: Differences, one: Sequence[WordResult], other: Sequence[WordResult]) -> None:
    """Add a reading; one that can be judged in one way alone counts with all its words."""
    if not one or not other:
        found.unscorable += 1
        found.words += len(one) + len(other)
        found.verdicts += len(one) + len(other)
        return
    pairs = list(zip(*([word for word in judged if word.reference] for judged in (one, other)), strict=True))
    differ = sum(word.verdict is not beside.verdict for word, beside in pairs)
    found.readings += 1
    found.words += len(pairs)
    found.verdicts += differ
    found.by_reading.append(differ)
    found.flagged += sum((word.verdict in FLAGGED) != (beside.verdict in FLAGGED) for word, beside in pairs)
    found.inserted += abs((len(one) - len(pairs)) - (len(other) - len(pairs)))


async def measure(folder: Path, numbers: Sequence[int], seconds: tuple[float, float]) -> dict[str, Differences]:
    """Way -> figures, of readings of these numbers."""
    bench = Bench()
    try:
        for engine in bench.engines.values():
            await engine.start()
        return await bench.compare(readings(read_folder(folder), numbers, seconds))
    finally:
        for engine in bench.engines.values():
            await engine.close()


def in_process(folder: Path, numbers: Sequence[int], seconds: tuple[float, float]) -> dict[str, Differences]:
    """The same in a process of its own."""
    return asyncio.run(measure(folder, numbers, seconds))


def compared(folder: Path, count: int, half_hours: int, jobs: int) -> dict[str, dict[str, Any]]:
    """Kind of reading -> way -> figures."""
    kinds = {"150 to 300 s": (count, (150.0, 300.0)), "half an hour": (half_hours, (1790.0, 1795.0))}
    found: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(jobs) as pool:
        for kind, (number, seconds) in kinds.items():
            shares = [range(number)[job::jobs] for job in range(jobs)]
            totals = {way: Differences() for way in ("whole", *WAYS)}
            for part in pool.map(partial(in_process, folder, seconds=seconds), shares):
                for way, own in part.items():
                    totals[way].add(own)
            found[kind] = {way: total.report() for way, total in totals.items()}
    print(file=sys.stderr)
    return found


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readings", type=int, default=200)
    parser.add_argument("--half-hours", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--save", type=Path, help="write the JSON object here too")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found = compared(arguments.folder, arguments.readings, arguments.half_hours, arguments.jobs)
    for kind, ways in found.items():
        for way, figures in ways.items():
            print(f"{kind}, {way}: {figures}")
    about = {
        "benchmark": "long readings",
        "model_sha256": digest(MODEL),
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "load_before": load},
        "versions": {name: version(name) for name in ("onnxruntime", "numpy")} | {"python": platform.python_version()},
        "figures": found,
    }
    if arguments.save is not None:
        arguments.save.write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about))


if __name__ == "__main__":
    main()
