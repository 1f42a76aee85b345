"""What a model of some form gives, as scoring takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.inference.alphabet import as_ours, log_probabilities
from streamproc.inference.engine import Logits
from streamproc.inference.form import ModelForm


def are_probabilities(output: NDArray[np.float32]) -> bool:
    """Whether what a model gives, [frames, symbols], can be nothing but probabilities: logits are below 0 too, or
    their sum is another."""
    return bool((output >= 0).all() and np.allclose(output.sum(axis=1), 1.0, atol=1e-2))


def own_log_probabilities(form: ModelForm, output: NDArray[np.float32]) -> NDArray[np.float64]:
    """Over the model's own symbols: natural logarithms, [frames, symbols]."""
    return log_probabilities(output, form.output == "probabilities")


def as_logits(form: ModelForm, outputs: Sequence[NDArray[np.float32]]) -> list[Logits]:
    """Each clip's output, [frames, symbols], over our 41, the blank last."""
    if form.is_plain:
        return list(outputs)
    groups, never = form.groups(), form.spelling().keys()
    return [as_ours(own_log_probabilities(form, output), groups, never) for output in outputs]
