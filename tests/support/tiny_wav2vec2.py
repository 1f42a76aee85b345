"""A model of the form of a wav2vec2 with CTC as exported from Hugging Face, untrained: the same tensors, frames, mask
and normalised input, an alphabet of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from streamproc.contracts.phonemes import PHONEMES
from support.onnx_bytes import FLOAT, INT64, model, node, tensor, value

ALPHABET: dict[str, str] = {
    "ɑ": "AA", "ɑː": "AA", "æ": "AE", "ʌ": "AH", "ɔ": "AO", "aʊ": "AW", "ə": "AX", "aɪ": "AY", "b": "B", "tʃ": "CH",
    "d": "D", "ð": "DH", "ɛ": "EH", "ɚ": "ER", "ɜː": "ER", "eɪ": "EY", "f": "F", "ɡ": "G", "h": "HH", "ɪ": "IH",
    "i": "IY", "iː": "IY", "dʒ": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "oʊ": "OW", "ɔɪ": "OY",
    "p": "P", "ɹ": "R", "s": "S", "ʃ": "SH", "t": "T", "ɾ": "T", "θ": "TH", "ʊ": "UH", "u": "UW", "v": "V", "w": "W",
    "j": "Y", "z": "Z", "ʒ": "ZH", "|": "", "<unk>": "",
}  # fmt: skip
SYMBOLS = ["<pad>", *ALPHABET]
"""In the order of the output: the blank comes first, as Hugging Face has it."""


def onnx(*, masked: bool = True, probabilities: bool = False) -> bytes:
    """The file.

    Args:
        masked: whether the mean of each clip is taken where its mask is 1; else its padding counts.
        probabilities: give a softmax.
    """
    weights = np.random.default_rng(5).standard_normal((len(SYMBOLS), 1, 400)).astype(np.float32)
    nodes = [
        node("Cast", ["attention_mask"], "ones", to=FLOAT),
        node("Mul", ["input_values", "ones"], "kept"),
        # Powers: the mean of a normalised clip itself is 0.
        node("Mul", ["kept", "kept"], "power"),
        node("ReduceSum", ["power", "time"], "sum", keepdims=1),
        node("ReduceSum", ["ones", "time"], "masked", keepdims=1),
        node("ReduceMean", ["power"], "plain", axes=[1], keepdims=1),
        *([node("Div", ["sum", "masked"], "mean")] if masked else [node("Identity", ["plain"], "mean")]),
        node("Sub", ["kept", "mean"], "centred"),
        node("Unsqueeze", ["centred", "time"], "channel"),
        node("Conv", ["channel", "weights"], "heard", strides=[320], kernel_shape=[400]),
        node("Transpose", ["heard"], "turned", perm=[0, 2, 1]),
        node("Softmax" if probabilities else "Identity", ["turned"], "logits"),
    ]
    tensors = [tensor("weights", weights * np.float32(0.05)), tensor("time", np.array([1], np.int64))]
    inputs = [value("input_values", FLOAT, ["b", "n"]), value("attention_mask", INT64, ["b", "n"])]
    return model(nodes, tensors, inputs, [value("logits", FLOAT, ["b", "f", "v"])])


def models_toml(
    folder: Path,
    content: bytes | None = None,
    name: str = "tiny",
    *,
    sequences: Mapping[str, Sequence[str]] | None = None,
    **said: object,
) -> Path:
    """The model and its models.toml in a folder; the path of the latter.

    Args:
        content: of the file; without it the untrained one.
        name: of the table, and of the file.
        sequences: phonemes that it writes with several symbols; its symbols of these are the blank.
        said: keys that are others than a wav2vec2's, as TOML has them.
    """
    untrained, content = content is None, onnx() if content is None else content
    (folder / f"{name}.onnx").write_bytes(content)
    spelt = sequences or {}
    mapping = "\n".join(f'"{symbol}" = "{"" if phoneme in spelt else phoneme}"' for symbol, phoneme in ALPHABET.items())
    written_as = "".join(f"{phoneme} = {json.dumps(list(of), ensure_ascii=False)}\n" for phoneme, of in spelt.items())
    keys = {
        "version": '"1"', "file": f'"{name}.onnx"', "sha256": f'"{hashlib.sha256(content).hexdigest()}"',
        "sample_rate": 16000, "frame_step": 320, "frame_window": 400, "first_centre": 200,
        "normalisation": '"unit_variance"', "padding": '"mask"', "output": '"logits"', "blank": 0,
        "symbols": json.dumps(SYMBOLS, ensure_ascii=False), **({"phoneme_errors": 1.0} if untrained else {}), **said,
    }  # fmt: skip
    written = "\n".join(f"{key} = {told}" for key, told in keys.items())
    mask = 'mask = "attention_mask"\n' if keys["padding"] == '"mask"' else ""
    file = folder / "models.toml"
    file.write_text(
        f"""[{name}]
{written}

[{name}.tensors]
audio = "input_values"
{mask}logits = "logits"

{f"[{name}.sequences]" if spelt else ""}
{written_as}
[{name}.mapping]
{mapping}
""",
        "utf-8",
    )
    assert set(ALPHABET.values()) - {""} == set(PHONEMES)
    return file
