"""Clips as a model of some form takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.inference.engine import Samples
from streamproc.inference.form import ModelForm, TensorNames

_STEADY = 1e-7
"""Added to the variance, as the feature extractor of Hugging Face's wav2vec2 does: silence has none."""


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """Clips that are heard together: zero-padded to the longest."""

    audio: NDArray[np.float32]
    """[clips, samples]."""
    lengths: NDArray[np.int64]
    """[clips], samples of each."""
    frames: Sequence[int]
    """That each clip has by the form; 0 of one that is too short for any, which the model hears with silence behind."""

    @property
    def mask(self) -> NDArray[np.int64]:
        """[clips, samples]: 1 where a clip is, 0 where it is padded."""
        return (np.arange(self.audio.shape[1]) < self.lengths[:, np.newaxis]).astype(np.int64)

    def named(self, tensors: TensorNames) -> dict[str, NDArray[Any]]:
        """Those that the model takes, by their names."""
        found: dict[str, NDArray[Any]] = {tensors.audio: self.audio}
        if tensors.lengths is not None:
            found[tensors.lengths] = self.lengths
        if tensors.mask is not None:
            found[tensors.mask] = self.mask
        return found


def unit_variance(clip: Samples) -> Samples:
    """The clip with mean 0 and variance 1; before it is padded, or its padding would count."""
    if not len(clip):
        return clip
    exact = clip.astype(np.float64)
    normalised: Samples = ((exact - exact.mean()) / np.sqrt(exact.var() + _STEADY)).astype(np.float32)
    return normalised


def inputs_of(form: ModelForm, clips: Sequence[Samples]) -> ModelInputs:
    """Clips of 16 kHz, of any length, as the model takes them."""
    ready = [_prepared(form, clip) for clip in clips]
    # No model takes a clip without samples, nor one of a window one that is shorter.
    least = form.frame_window
    lengths = np.array([max(len(clip), least) for clip in ready], np.int64)
    audio = np.zeros((len(ready), max(1, int(lengths.max(initial=0)))), np.float32)
    for row, clip in zip(audio, ready, strict=True):
        row[: len(clip)] = clip
    return ModelInputs(audio, lengths, [form.frames_of(len(clip)) for clip in ready])


def _prepared(form: ModelForm, clip: Samples) -> Samples:
    if form.sample_rate != SAMPLE_RATE and len(clip):
        clip = soxr.resample(clip, SAMPLE_RATE, form.sample_rate)
    return unit_variance(clip) if form.normalisation == "unit_variance" else clip
