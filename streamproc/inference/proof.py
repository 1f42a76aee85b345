"""Whether an engine's model is the one that is declared: what it makes of a recording whose words are known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.inference.answers import unusable
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.engine import Samples
from streamproc.inference.form import Fault
from streamproc.inference.golden import alike, fingerprint, golden_clip, phoneme_errors
from streamproc.inference.model_outputs import are_probabilities, as_logits, own_log_probabilities
from streamproc.inference.served import ServedModel

Own = NDArray[np.float32]
"""What a model gives for a clip, over its own symbols: [frames, symbols]."""

PADDED_APART = 0.05
"""Probability by which a clip heard alone and the same one padded may differ: what float16 leaves, and other kernels
for another batch."""


async def prove(model: ServedModel, hear: Callable[[Sequence[Samples]], Awaitable[Sequence[Own]]]) -> None:
    """Have the golden clip heard, alone and, where the model is told of padding, its first half beside it.

    Args:
        model: one that is declared; of any other nothing is known.
        hear: asks it; the clips go in one request.

    Raises:
        DoubtfulError: INFERENCE_UNUSABLE, it is another, or hears what nobody says.
        StreamprocError: what ``hear`` raises.
    """
    declared = model.declared
    if declared is None:
        return
    clip = golden_clip()
    (alone,) = await hear([clip])
    if reason := await asyncio.to_thread(_what_is_wrong, declared, alone):
        raise unusable(str(model.identity), reason)
    if declared.padding != "alone":
        half = clip[: len(clip) // 2]
        (short,) = await hear([half])
        padded, _ = await hear([half, clip])
        if reason := await asyncio.to_thread(_what_padding_does, declared, short, padded):
            raise unusable(str(model.identity), reason)


def hearing_faults(declared: ModelDeclaration, own: Own) -> Iterator[Fault]:
    """What is wrong with what a model gives for the golden clip."""
    if are_probabilities(own) != (declared.output == "probabilities"):
        given = "logits" if declared.output == "probabilities" else "probabilities: between 0 and 1, with the sum 1"
        yield ("output",), f"gives {given}, where models.toml says {declared.output}"
        return
    found = fingerprint(own_log_probabilities(declared, own))
    if declared.fingerprint is not None and not alike(found, declared.fingerprint):
        yield ("fingerprint",), f"has the fingerprint {list(found)}; pinned is {list(declared.fingerprint)}"
    (logits,) = as_logits(declared, [own])
    errors = phoneme_errors(declared, logits)
    if errors > declared.phoneme_errors:
        told = f"gets {errors:.0%} of the golden clip's phonemes wrong, and {declared.phoneme_errors:.0%} is the most"
        yield ("symbols",), f"{told}: do its symbols stand in the order of models.toml?"


def _what_is_wrong(declared: ModelDeclaration, own: Own) -> str:
    return next((message for _, message in hearing_faults(declared, own)), "")


def _what_padding_does(declared: ModelDeclaration, alone: Own, padded: Own) -> str:
    one, other = (np.exp(own_log_probabilities(declared, each)) for each in (alone, padded))
    if one.shape != other.shape:
        return f"gives {len(one)} frames for a clip alone, and {len(other)} for the same one padded"
    apart = float(np.abs(one - other).max(initial=0.0))
    if apart > PADDED_APART:
        return (
            f"hears a clip otherwise when it is padded, by {apart:.2f} in probability: padding = {declared.padding!r}"
        )
    return ""
