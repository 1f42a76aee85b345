"""Whether an ONNX file is the model that its declaration says."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.inference.alphabet import log_probabilities
from streamproc.inference.answers import PROBE
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.engine import Samples
from streamproc.inference.form import BUILT_IN, Fault, ModelForm
from streamproc.inference.golden import fingerprint, golden_clip
from streamproc.inference.model_inputs import inputs_of
from streamproc.inference.model_outputs import are_probabilities, as_logits, own_log_probabilities
from streamproc.inference.onnx_session import INPUTS, OUTPUTS, forms, named, open_session
from streamproc.inference.proof import hearing_faults
from streamproc.inference.repository import raise_if_memory, told

CLIPS: tuple[Samples, ...] = (PROBE, PROBE[3200:12_777], PROBE[:5000])
"""Of different lengths, none a whole number of frames but the first."""

APART = 1e-2
"""Natural logarithms that a clip heard alone and the same clip padded may differ by: what float16 leaves."""


def file_faults(declared: ModelDeclaration, path: Path) -> list[Fault]:
    """What is wrong with a model's file; the self-test comes last, and only where all before it holds.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    importlib.import_module("onnxruntime")  # without it nothing is tried
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return [(("file",), f"{path} cannot be read: {error.strerror}")]
    if digest != declared.sha256:
        return [(("sha256",), f"the file's is {digest}")]
    try:
        session = open_session(str(path))
        faults = list(_tensor_faults(declared, session)) or list(_answer_faults(declared, session))
        return faults or list(hearing_faults(declared, _golden(declared, session)))
    except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
        raise_if_memory(error)
        return [(("file",), f"the model cannot be loaded or fails: {told(error)}")]


def fingerprint_of(declared: ModelDeclaration, path: Path) -> tuple[int, ...]:
    """The fingerprint of a file in which `file_faults` finds nothing else wrong."""
    return fingerprint(own_log_probabilities(declared, _golden(declared, open_session(str(path)))))


def _golden(declared: ModelDeclaration, session: Any) -> NDArray[np.float32]:
    ((own, _),) = _run(declared, session, [golden_clip()])
    return own


def _tensor_faults(declared: ModelDeclaration, session: Any) -> Iterator[Fault]:
    inputs, outputs = forms(session.get_inputs()), forms(session.get_outputs())
    for key, kind in (INPUTS | OUTPUTS).items():
        name, those = getattr(declared.tensors, key), outputs if key in OUTPUTS else inputs
        if name is not None and those.get(name) != kind:
            there = ", ".join(f"{one} {kind} of {rank} dimensions" for one, (kind, rank) in those.items())
            yield ("tensors", key), f"{name!r}, {kind[0]} of {kind[1]} dimensions, is not there: the model has {there}"
    if strangers := [name for name in inputs if name not in named(declared.tensors, INPUTS)]:
        yield ("tensors",), f"the model takes {', '.join(strangers)} too"


def _answer_faults(declared: ModelDeclaration, session: Any) -> Iterator[Fault]:
    alone: list[NDArray[np.float64]] = []
    for clip in CLIPS:
        ((heard, frames),) = _run(declared, session, [clip])
        if heard.shape[1] != len(declared.symbols):
            yield ("symbols",), f"{len(declared.symbols)} are named, and the model gives {heard.shape[1]}"
            return
        (promised,) = inputs_of(declared, [clip]).frames
        if frames != promised:
            yield ("frame_step",), f"the model gives {frames} frames for {len(clip)} samples, and {promised} are due"
            return
        if not np.isfinite(heard).all():
            yield ("output",), "the model gives what is no number"
            return
        if declared.output == "probabilities" and not are_probabilities(heard):
            yield ("output",), "the model gives no probabilities: they are not between 0 and 1 with the sum 1"
            return
        if declared.output == "logits" and are_probabilities(heard):
            yield ("output",), "the model gives probabilities: between 0 and 1, with the sum 1"
            return
        alone.append(_ours(declared, heard))
    if declared.padding == "alone":
        return
    for one, (heard, _) in zip(alone, _run(declared, session, CLIPS), strict=True):
        apart = float(np.abs(one - _ours(declared, heard)[: len(one)]).max())
        if not apart <= APART:
            told = f"a clip heard alone and the same clip padded differ by {apart:.2g}"
            yield ("padding",), f'{told}: has it another normalisation, or must it be "alone"?'
            return


def _run(
    declared: ModelDeclaration, session: Any, clips: Sequence[Samples]
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """What the model gives for each clip, without what is beyond its frames; and its frames."""
    tensors = declared.tensors
    names = [tensors.logits, *([tensors.frames] if tensors.frames else [])]
    ready = inputs_of(declared, clips)
    output, *counted = session.run(names, ready.named(tensors))
    for row, due in enumerate(ready.frames):
        told = int(counted[0][row]) if counted else due
        # Of one clip every frame is its own: more or fewer than promised are seen.
        frames = output.shape[1] if len(clips) == 1 and not counted else told
        yield output[row, :frames], frames


def _ours(declared: ModelDeclaration, output: NDArray[np.float32]) -> NDArray[np.float64]:
    (ours,) = as_logits(declared, [output])
    return log_probabilities(ours, are_probabilities=False)


def unlike_built_in(form: ModelForm) -> list[str]:
    """The keys in which a form differs from the shipped model's, which some engines have built in."""
    return [key for key in ModelForm.model_fields if key not in _NOT_OF_THE_FILE and _differs(form, key)]


_NOT_OF_THE_FILE = ("triton", "mapping", "sequences")


def _differs(form: ModelForm, key: str) -> bool:
    if key == "symbols":
        return form.groups() != BUILT_IN.groups() or bool(form.sequences)
    return bool(getattr(form, key) != getattr(BUILT_IN, key))
