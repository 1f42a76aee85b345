"""``live.onnx`` made of a network: rows of a batch are heard apart, and its weights are those of the file beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.torch import save_file

from streamproc.inference.live import STATES
from streamproc.training.causal import CHUNK, LiveNetwork
from streamproc.training.live import LiveStep, export_live


def test_it_holds_no_weights_and_hears_as_the_network_does(network: LiveNetwork, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    file = export_live(network, tmp_path)  # which compares it with the network
    assert file.stat().st_size < 1_000_000
    graph = onnx.load(file, load_external_data=False).graph
    held = {tensor.name for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.DEFAULT}
    assert not any("conv" in name or "norm" in name or "head" in name for name in held)


def test_rows_that_began_at_different_times_are_heard_as_alone(network: LiveNetwork, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    session = onnxruntime.InferenceSession(str(export_live(network, tmp_path)))
    step = LiveStep(network)
    nothing = {name: array.numpy() for name, array in zip(STATES, step.example(1, 1)[2:], strict=True)}
    endless = np.full((1, 1), 2**62)
    one, two = (0.1 * np.random.default_rng(2).standard_normal((2, 1, 80 * CHUNK))).astype(np.float32)

    def run(
        audio: np.ndarray, end: np.ndarray, states: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        logits, *kept = session.run(None, {"audio": audio, "end": end, **states})
        return logits, dict(zip(STATES, kept, strict=True))

    alone_one, _ = run(one, endless, nothing)
    alone_two, _ = run(two, endless, nothing)
    _, states = run(one[:, : 40 * CHUNK], endless, nothing)
    together = {name: np.concatenate([states[name], nothing[name]]) for name in STATES}
    audio = np.concatenate([one[:, 40 * CHUNK :], two[:, : 40 * CHUNK]])
    logits, _ = run(audio, np.repeat(endless, 2, 0), together)
    assert np.abs(logits[0] - alone_one[0, 40:]).max() < 1e-4
    assert np.abs(logits[1] - alone_two[0, :40]).max() < 1e-4


def test_weights_that_are_not_the_networks_are_refused(network: LiveNetwork, tmp_path: Path) -> None:
    other = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    save_file(other, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="is not that of"):
        export_live(network, tmp_path)
