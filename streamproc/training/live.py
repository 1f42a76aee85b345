"""``python -m streamproc.training.live FOLDER``: from a trained network to the file that hears live.

``live.onnx`` takes a chunk and what was remembered of those before, and gives logits and what to remember. Its weights
are those of the ``model.safetensors`` beside it, at the places that they have there (ONNX's external data): no weight
lies in the tree twice, and other weights of the same network need no other ``live.onnx``.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from streamproc.inference.live import LIVE_FILE, STATES, LiveModel
from streamproc.training.causal import CHUNK, LiveNetwork, Memory

ENDLESS = 2**62
"""``end`` of a recording that goes on."""

APART = 1e-4
"""Logits of chunks may differ by this from those of the whole."""


class LiveStep(nn.Module):
    """`LiveNetwork.hear` with all that is remembered as tensors: ``blocks`` as one, [batch, 128, 64]."""

    def __init__(self, network: LiveNetwork) -> None:
        super().__init__()
        self.network = network
        self._sizes = [block.back + block.ahead for block in network.blocks]

    def forward(
        self,
        audio: Tensor,
        end: Tensor,
        samples: Tensor,
        energy: Tensor,
        features: Tensor,
        blocks: Tensor,
        frames: Tensor,
    ) -> tuple[Tensor, ...]:
        """A chunk [batch, a multiple of 320], its recording's length [batch, 1], and what is remembered of it."""
        memory = Memory(samples, energy, features, tuple(blocks.split(self._sizes, 2)), frames)
        logits, kept = self.network.hear(audio, memory, end=end)
        assert isinstance(kept.frames, Tensor)
        return logits, kept.samples, kept.energy, kept.features, torch.cat(kept.blocks, 2), kept.frames

    def example(self, batch: int, chunks: int) -> tuple[Tensor, ...]:
        """Inputs of the shapes that it takes: noise, and nothing remembered."""
        memory = self.network.memory(batch)
        return (
            0.1 * torch.randn(batch, chunks * CHUNK), torch.full((batch, 1), ENDLESS), memory.samples, memory.energy,
            memory.features, torch.cat(memory.blocks, 2), torch.zeros(batch, 1, dtype=torch.int64),
        )  # fmt: skip


def export_live(network: LiveNetwork, folder: Path) -> Path:
    """Write ``live.onnx`` into ``folder``, where the network's weights lie as ``model.safetensors``.

    Raises RuntimeError where those are others, or onnxruntime's logits of chunks differ from torch's of the whole.
    """
    file, weights = folder / LIVE_FILE, folder / "model.safetensors"
    step = LiveStep(network.eval())
    written = io.BytesIO()
    names = ["audio", "end", *STATES]
    outputs = ["logits", *(f"next_{name}" for name in STATES)]
    torch.onnx.export(
        step, step.example(2, 3), written, dynamo=False, opset_version=17, input_names=names, output_names=outputs,
        # Nothing is folded: each weight stays the tensor that the file of weights holds.
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        dynamic_axes={
            **{name: {0: "batch"} for name in names + outputs}, "audio": {0: "batch", 1: "length"},
            "logits": {0: "batch", 1: "given"},
        },
    )  # fmt: skip
    model = onnx.load_from_string(written.getvalue())
    _refer(model, weights)
    for key, value in {"delay": network.delay, "chunk": CHUNK}.items():
        model.metadata_props.add(key=key, value=str(value))
    file.write_bytes(model.SerializeToString())
    _check(network, file)
    return file


def _refer(model: onnx.ModelProto, weights: Path) -> None:
    """Make the initialisers that ``weights`` holds references to it."""
    content = weights.read_bytes()
    # Safetensors: the length of a header, the header as JSON, all tensors behind it, little-endian as ONNX's.
    (size,) = struct.unpack("<Q", content[:8])
    places = json.loads(content[8 : 8 + size])
    for tensor in model.graph.initializer:
        place = places.get(tensor.name.removeprefix("network."))
        if place is None:
            continue
        begin, end = (8 + size + offset for offset in place["data_offsets"])
        if tensor.raw_data != content[begin:end]:
            raise RuntimeError(f"{tensor.name} is not that of {weights}")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": weights.name, "offset": begin, "length": end - begin}.items():
            tensor.external_data.add(key=key, value=str(value))


def _check(network: LiveNetwork, file: Path) -> None:
    audio = 0.1 * np.random.default_rng(1).standard_normal(37_123).astype(np.float32)
    with torch.no_grad():
        whole = network(torch.from_numpy(audio)[None], torch.tensor([len(audio)]))[0][0].numpy()
    model = LiveModel(file)
    hearing, heard = model.begin(), []
    for begin in range(0, len(audio), 1000):
        logits, hearing = model.hear(hearing, audio[begin : begin + 1000])
        heard.append(logits)
    chunked = np.concatenate([*heard, model.finish(hearing)])
    apart = float(np.abs(chunked - whole).max()) if chunked.shape == whole.shape else np.inf
    if not apart <= APART:
        raise RuntimeError(f"logits of chunks differ from those of the whole by {apart:.2g}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
def main(folder: Path) -> None:
    """Write live.onnx into FOLDER, a version of the model with its model.safetensors. Needs the extra training."""
    network = LiveNetwork()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    print(export_live(network, folder))


if __name__ == "__main__":
    main()
