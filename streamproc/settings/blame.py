"""Which settings lead to what is found at the start."""

from __future__ import annotations

from streamproc.errors import ErrorCode

_SETTING_OF = {
    ErrorCode.REGISTRY_UNAVAILABLE: "STREAMPROC_REGISTRY__URL",
}
_SETTING_OF_ENGINE = {
    "triton": {
        ErrorCode.INFERENCE_UNAVAILABLE: "STREAMPROC_TRITON__URLS, STREAMPROC_TRITON__MODEL, "
        "STREAMPROC_TRITON__MODEL_VERSION",
        ErrorCode.INFERENCE_TIMEOUT: "STREAMPROC_TRITON__URLS, STREAMPROC_TRITON__TIMEOUT",
        ErrorCode.INFERENCE_UNUSABLE: "STREAMPROC_TRITON__MODEL",
        ErrorCode.MODEL_UNSUITABLE: "STREAMPROC_TRITON__MODEL",
    },
    "onnx": {
        ErrorCode.INFERENCE_TIMEOUT: "STREAMPROC_ONNX__TIMEOUT",
        ErrorCode.MODEL_UNSUITABLE: "STREAMPROC_ONNX__REPOSITORY, STREAMPROC_ONNX__MODEL, "
        "STREAMPROC_ONNX__MODEL_VERSION",
        ErrorCode.SETTINGS_INVALID: "STREAMPROC_INFERENCE__ENGINE",
    },
    "torch": {
        ErrorCode.INFERENCE_UNAVAILABLE: "STREAMPROC_TORCH__DEVICE",
        ErrorCode.INFERENCE_TIMEOUT: "STREAMPROC_TORCH__TIMEOUT",
        ErrorCode.MODEL_UNSUITABLE: "STREAMPROC_TORCH__REPOSITORY, STREAMPROC_TORCH__MODEL, "
        "STREAMPROC_TORCH__MODEL_VERSION",
        ErrorCode.SETTINGS_INVALID: "STREAMPROC_INFERENCE__ENGINE",
    },
}


def leading_to(code: ErrorCode, engine: str) -> str | None:
    """The settings that an error of a worker's start names; None: its message names them itself."""
    return {**_SETTING_OF, **_SETTING_OF_ENGINE[engine]}.get(code)
