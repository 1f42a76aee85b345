"""What turns audio into phonemes, and which model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from streamproc.settings.sections import Section


class InferenceSettings(Section):
    """What turns audio into phonemes."""

    engine: Literal["triton", "onnx", "torch"] = "triton"
    """triton: servers, on GPUs in production; onnx: onnxruntime in the worker, on this machine's CPU; torch: its
    own accelerator."""
    fallback: Literal["pause", "onnx"] = "pause"
    """What a worker does while none of the engine triton's servers can be used. pause: it begins nothing new until one
    can; onnx: it scores on its own CPU, with the model and on the cores that STREAMPROC_ONNX__… name."""

    models_file: Path | None = None
    """models.toml, which says what each model takes and gives, and which weights it has: servers of another model than
    it says are not used. Empty: a model of the shipped one's form, whichever it is, and nothing is compared."""

    drift_reference: Path | None = None
    """What `streamproc models drift --save-reference` has stored: today's results are compared with it in the metrics
    streamproc_drift_psi and streamproc_drift_ks. Empty: they are not."""

    @field_validator("models_file", "drift_reference", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        # An image may set it: this is how it is unset again.
        return None if value == "" else value

    @field_validator("fallback")
    @classmethod
    def _of_triton_alone(cls, value: str, info: ValidationInfo) -> str:
        engine = info.data.get("engine", "triton")
        if value != "pause" and engine != "triton":
            raise ValueError(f"the engine triton alone has a fallback; STREAMPROC_INFERENCE__ENGINE is {engine}")
        return value
