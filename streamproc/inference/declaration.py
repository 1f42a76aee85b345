"""What a models.toml says of one model: its form, which one it is, and how it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from streamproc.inference.form import Fault, ModelForm, Name
from streamproc.inference.golden import PARTS

PHONEME_ERRORS = 0.5
"""Far above what a model of English gets wrong of the golden clip, far below what one does whose symbols are mixed
up."""


class ModelDeclaration(ModelForm):
    """One model."""

    model: Name | None = None
    """Its name in the model repository; without it that of its table."""
    version: Name
    """In the model repository."""
    file: Name | None = None
    """The ONNX file, relative to the models.toml; without it only what is written is checked."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    fingerprint: Annotated[tuple[Annotated[int, Field(ge=-100, le=100)], ...], Field(strict=False)] | None = None
    """What `streamproc.inference.golden.fingerprint` makes of it; ``streamproc models check`` tells it."""
    phoneme_errors: Annotated[float, Field(gt=0, le=1)] = PHONEME_ERRORS
    """The share of the golden clip's phonemes that it may get wrong."""
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """In place of STREAMPROC_SCORING__MARGIN."""

    def faults(self) -> Iterator[Fault]:
        """What no single key tells to be wrong."""
        yield from self.form_faults()
        if self.fingerprint is not None and len(self.fingerprint) != PARTS:
            yield ("fingerprint",), f"{len(self.fingerprint)} numbers, and {PARTS} are needed"
