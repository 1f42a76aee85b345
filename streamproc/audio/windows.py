"""A long clip is heard in windows: cut where it is quietest, each with what lies around it, or, by a model that
remembers what was before, with what comes after it alone.

A clip of more than `WHOLE_SECONDS` is never there as a whole. It is unpacked once, to check it and to find where to cut
it, and once more, window by window, when the model has room. So a reading of half an hour takes its encoded bytes, two
windows, and one energy for each 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.decode import BYTES_A_SECOND, SAMPLE_RATE, Samples, unpack
from streamproc.contracts.rules import LONG_SECONDS

WHOLE_SECONDS = LONG_SECONDS
"""What is not longer is heard as a whole."""

STEP = 320
"""Samples: windows begin and end on multiples of it, so that their frames of 20 ms are those of the whole clip."""

BEFORE = 60 * SAMPLE_RATE
"""Samples that are heard before a window's own. The model knows a voice and its microphone by the mean of what it has
heard: with the last four seconds alone it judges one word in twenty otherwise than in the whole clip, with a minute one
in fifty."""

AFTER = 2 * SAMPLE_RATE
"""Samples that are heard after a window's own: more than a causal model looks ahead. A model that remembers does so up
to a window's own last: models in Triton rely on these two seconds (docs/how-to/train-the-model.md)."""

_MOST = WHOLE_SECONDS * SAMPLE_RATE - BEFORE - AFTER
_LEAST = _MOST // 2
"""Of a window's own samples; it ends at the quietest place in between."""

_QUIET = 10
"""Steps: a place is as quiet as the fifth of a second around it, which no stop of a consonant lasts."""

_WHOLE = WHOLE_SECONDS * SAMPLE_RATE

Energies = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """Samples ``begin`` to ``end`` of a clip, of which ``first`` to ``last`` are this window's own."""

    begin: int
    end: int
    first: int
    last: int

    @property
    def without_before(self) -> Window:
        """For a model that remembers what was before."""
        return replace(self, begin=self.first)


@dataclass(frozen=True, slots=True)
class LongClip:
    """A clip that is unpacked window by window: its encoded bytes, how many samples it has at 16 kHz, their mean
    square, and its windows, which follow each other without a gap."""

    encoded: bytes
    max_seconds: float
    samples: int
    power: float
    windows: Sequence[Window]

    def heard(self, *, without_before: bool = False) -> Iterator[tuple[Window, Samples]]:
        """Each window and its samples, in order.

        Args:
            without_before: leave out what was before each window's own.

        Raises:
            StreamprocError: as `decode_clip`, of which nothing is expected: the clip was unpacked before.
        """
        held, begin = np.empty(0, np.float32), 0
        blocks = unpack(self.encoded, self.max_seconds)
        for window in [each.without_before for each in self.windows] if without_before else self.windows:
            kept = [held[window.begin - begin :]]
            have, begin = len(kept[0]), window.begin
            while begin + have < window.end:
                block = next(blocks)
                kept.append(block)
                have += len(block)
            held = np.concatenate(kept)
            yield window, held[: window.end - begin]


def read_clip(encoded: bytes, max_seconds: float) -> Samples | LongClip:
    """Decode a clip, as `decode_clip` does; what is too long to be heard as a whole is read and let go.

    Raises:
        StreamprocError: as `decode_clip`.
    """
    held: list[Samples] = []
    energies: list[Energies] = []
    count, rest = 0, np.empty(0, np.float32)
    for block in unpack(encoded, max_seconds):
        held.append(block)
        count += len(block)
        if count <= _WHOLE:
            continue
        new = np.concatenate([rest, *held])
        held = []
        whole = len(new) // STEP * STEP
        steps = new[:whole].reshape(-1, STEP)
        energies.append(np.einsum("ij,ij->i", steps, steps))
        rest = new[whole:].copy()
    if count <= _WHOLE:
        return np.concatenate(held)
    found = np.concatenate(energies)
    square = float(found.sum(dtype=np.float64)) + float(np.einsum("i,i->", rest, rest))
    return LongClip(encoded, max_seconds, count, square / count, plan_windows(found, count))


def most_bytes(encoded: int, max_seconds: float, at_once: int) -> int:
    """Bytes that a clip may take while it is decoded, whole or ``at_once`` windows of it, besides what was fetched."""
    if max_seconds <= WHOLE_SECONDS:
        return round(max_seconds * BYTES_A_SECOND)
    return WHOLE_SECONDS * BYTES_A_SECOND * at_once + encoded


def plan_windows(energies: Energies, samples: int) -> list[Window]:
    """Where to cut.

    Args:
        energies: of each whole step of 320 samples.
        samples: of the clip.
    """
    cuts = [0]
    while samples - cuts[-1] > _MOST:
        least, most = (cuts[-1] + _LEAST) // STEP, (cuts[-1] + _MOST) // STEP
        around = np.convolve(energies[least - _QUIET // 2 : most + _QUIET // 2], np.ones(_QUIET, np.float32), "valid")
        cuts.append((least + int(around[: most - least].argmin())) * STEP)
    cuts.append(samples)
    return [Window(max(first - BEFORE, 0), min(last + AFTER, samples), first, last) for first, last in pairwise(cuts)]
