"""Clips as a declared model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.engine import Samples

_STEADY = 1e-7
"""Added to the variance, as the feature extractor of Hugging Face's wav2vec2 does: silence has none."""


def unit_variance(clip: Samples) -> Samples:
    """The clip with mean 0 and variance 1; before it is padded, or its padding would count."""
    if not len(clip):
        return clip
    exact = clip.astype(np.float64)
    normalised: Samples = ((exact - exact.mean()) / np.sqrt(exact.var() + _STEADY)).astype(np.float32)
    return normalised


def inputs_of(declared: ModelDeclaration, clips: Sequence[Samples]) -> dict[str, NDArray[Any]]:
    """The model's inputs by name, for clips that are heard together: zero-padded to the longest."""
    lengths = np.array([len(clip) for clip in clips], np.int64)
    audio = np.zeros((len(clips), int(lengths.max())), np.float32)
    for row, clip in zip(audio, clips, strict=True):
        row[: len(clip)] = unit_variance(clip) if declared.normalisation == "unit_variance" else clip
    inputs: dict[str, NDArray[Any]] = {declared.tensors.audio: audio}
    if declared.tensors.lengths is not None:
        inputs[declared.tensors.lengths] = lengths
    if declared.tensors.mask is not None:
        inputs[declared.tensors.mask] = (np.arange(audio.shape[1]) < lengths[:, np.newaxis]).astype(np.int64)
    return inputs
