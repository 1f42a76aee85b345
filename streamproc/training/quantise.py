"""``python -m streamproc.training.quantise``: an int8 copy of a model for CPUs, its front end left as it is."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from streamproc.inference.engine import Samples
from streamproc.training.corpus import Split, split_clips, split_readings
from streamproc.training.speech import Synthesiser

CALIBRATED_BY: Split = "held_out_sentences"
"""The readings from which the ranges of activations are taken."""


def quantise(model: Path, output: Path, clips: Sequence[Samples]) -> str:
    """Write ``output``: the convolutions behind the front end with weights and activations of eight bits.

    The front end (whatever a logarithm is computed from) stays in float32, as energies span more than eight bits hold.
    So do the first convolution behind it and the last, which the verdicts feel most. Weights have a scale for each
    channel; activations are unsigned, for which CPUs have instructions (VNNI).

    Args:
        model, output: ONNX files.
        clips: speech that activations are calibrated by, 16 kHz.

    Returns:
        The SHA-256 of what was written, in hexadecimal.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Speech(CalibrationDataReader):
        def __init__(self) -> None:
            self._clips: Iterator[Samples] = iter(clips)

        def get_next(self) -> dict[str, Any] | None:
            if (clip := next(self._clips, None)) is None:
                return None
            return {"audio": clip[np.newaxis], "lengths": np.array([len(clip)], np.int64)}

    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        nodes = _core(onnx.load(prepared).graph)[1:-1]
        quantize_static(
            str(prepared), str(output), Speech(), quant_format=QuantFormat.QDQ, nodes_to_quantize=nodes,
            op_types_to_quantize=["Conv"], per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )  # fmt: skip
    return hashlib.sha256(output.read_bytes()).hexdigest()


def _core(graph: Any) -> list[str]:
    """The convolutions that no logarithm is computed from, in their order."""
    front: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type == "Log" or front.intersection(node.output):
            front.update(node.input)
    return [node.name for node in graph.node if node.op_type == "Conv" and not front.intersection(node.output)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--clips", type=click.IntRange(1, 400), default=100, show_default=True, help="To calibrate by.")
def main(model: Path, output: Path, clips: int) -> None:
    """Write an int8 copy of MODEL to OUTPUT, for example models/phonemes-int8/1/model.onnx.

    It is a model of its own: results name it and its digest. Needs pip install 'streamproc[worker,onnx,torch,speech]'.
    """
    synthesiser = Synthesiser()
    spoken = split_clips(CALIBRATED_BY, split_readings(CALIBRATED_BY)[:clips], synthesiser)
    digest = quantise(model, output, [clip.speech.audio for clip in spoken])
    print(f"{output}  sha256 {digest}")


if __name__ == "__main__":
    main()
