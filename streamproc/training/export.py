"""From a trained network to the files that are served: ONNX, safetensors and the digest in the configuration."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import nn


def export(network: nn.Module, folder: Path, *, number: int = 1) -> str:
    """Write ``model.onnx`` and ``model.safetensors`` under ``folder``, in the folder of that version, and the ONNX
    file's digest into config.pbtxt.

    ONNX: ``audio`` float32 [batch, samples] and ``lengths`` int64 [batch] in; ``logits`` float32 [batch, frames, 41]
    and ``frames`` int64 [batch] out. Returns the SHA-256 of model.onnx in hexadecimal. Raises RuntimeError when
    onnxruntime's logits differ from torch's by more than 1e-3.
    """
    version = folder / str(number)
    version.mkdir(parents=True, exist_ok=True)
    network.eval()
    save_file(network.state_dict(), version / "model.safetensors")
    onnx_file = version / "model.onnx"
    example = (torch.randn(2, 16_000), torch.tensor([16_000, 9_000]))
    torch.onnx.export(
        network, example, str(onnx_file), dynamo=False, opset_version=17,
        input_names=["audio", "lengths"], output_names=["logits", "frames"],
        dynamic_axes={
            "audio": {0: "batch", 1: "samples"}, "lengths": {0: "batch"},
            "logits": {0: "batch", 1: "frames"}, "frames": {0: "batch"},
        },
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(onnx_file), full_check=True)
    _check_same(network, onnx_file)
    digest = hashlib.sha256(onnx_file.read_bytes()).hexdigest()
    config = folder / "config.pbtxt"
    if config.exists():
        config.write_text(
            re.sub(r'(key: "sha256" value: \{ string_value: ")[0-9a-f]*', rf"\g<1>{digest}", config.read_text())
        )
    return digest


def _check_same(network: nn.Module, onnx_file: Path) -> None:
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    audio = 0.1 * torch.randn(5, 37_123)
    lengths = torch.tensor([37_123, 20_000, 500, 1, 0])
    with torch.no_grad():
        expected, expected_frames = network(audio, lengths)
    logits, frames = session.run(None, {"audio": audio.numpy(), "lengths": lengths.numpy()})
    apart = float(np.abs(logits - expected.numpy()).max())
    if apart > 1e-3 or frames.tolist() != expected_frames.tolist():
        raise RuntimeError(f"onnxruntime's logits differ from torch's by {apart:.2g}")
