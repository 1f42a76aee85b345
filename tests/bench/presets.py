"""Each way to run the model in process: how fast, and which verdicts it changes. A table, and JSON as the last line.

``.venv-torch/bin/python tests/bench/presets.py --save docs/benchmarks/presets.json`` (`make test-torch` installs that
environment); on a machine with a GPU that is what it measures. ``--without-torch``: with any environment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.inference.engine import Engine, Logits, Samples
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.inference.torch import TorchEngine, TorchOptions
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.training.corpus import Clip, Split, split_clips, split_readings
from streamproc.training.evaluate import MARGIN
from streamproc.training.speech import Synthesiser

REPOSITORY = Path(__file__).parents[2] / "models"
SPLITS: tuple[Split, ...] = ("demo", "misread", "held_out_voices")
BATCHES = (1, 16, 64)
SECONDS = 1.0
"""How long each speed is measured."""


def engines(arguments: argparse.Namespace) -> dict[str, Engine]:
    """What is compared, by name; the first is what the others are compared with."""
    found: dict[str, Engine] = {"onnx float32": OnnxEngine(REPOSITORY, built_in(arguments.model, ""), 600, 1)}
    for folder in arguments.onnx:
        found[f"onnx {folder.name}"] = OnnxEngine(folder.parent, built_in(folder.name, ""), 600, 1)
    if arguments.without_torch:
        return found
    for compiled in (False, True):
        for precision in ("float32", "float16", "bfloat16"):
            options = TorchOptions(arguments.device, precision, compiled)
            name = f"torch {precision}" + (" compiled" if compiled else "")
            found[name] = TorchEngine(REPOSITORY, built_in(arguments.model, ""), 600, 1, options)
    return found


def verdicts(clip: Clip, logits: Logits, aligner: VariantAligner) -> list[str]:
    """Of each word, added ones among them."""
    words = [ExpectedWord(word, lexicon.pronunciations(word)) for word in clip.reading.expected]
    return [str(each.verdict) for each in score_phrase(log_softmax(logits), words, aligner, MARGIN)]


async def speeds(engine: Engine) -> dict[str, dict[str, float]]:
    """Clips of 3 s, by how many one call has: clips a second, and CPU milliseconds a clip."""
    rng = np.random.default_rng(1)
    found = {}
    for batch in BATCHES:
        clips: list[Samples] = [0.1 * rng.standard_normal(3 * SAMPLE_RATE).astype(np.float32) for _ in range(batch)]
        await engine.infer(clips)
        runs, began, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < SECONDS:
            await engine.infer(clips)
            runs += 1
        took, worked = time.perf_counter() - began, time.process_time() - cpu
        found[str(batch)] = {
            "clips_per_s": round(runs * batch / took, 1),
            "cpu_ms_per_clip": round(1000 * worked / (runs * batch), 2),
        }
    return found


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All of them, one after the other."""
    synthesiser, aligner = Synthesiser(), VariantAligner()
    clips: list[Clip] = []
    for split in SPLITS if arguments.only != "speeds" else ():
        clips += split_clips(split, split_readings(split)[: arguments.clips], synthesiser)
    first: list[tuple[Logits, list[str]]] = []
    rows: dict[str, Any] = {}
    chosen = {name: engine for name, engine in engines(arguments).items() if name not in arguments.skip}
    for name, engine in chosen.items():
        try:
            began = time.perf_counter()
            await engine.start()
            started = time.perf_counter() - began
            heard = [(await engine.infer([clip.speech.audio])).logits[0] for clip in clips]
            judged = [verdicts(clip, logits, aligner) for clip, logits in zip(clips, heard, strict=True)]
            row: dict[str, Any] = {"start_s": round(started, 1)}
            first = first or list(zip(heard, judged, strict=True))
            if clips:
                row |= compared(first, heard, judged)
            if arguments.only != "verdicts":
                row["clips_of_3_s"] = await speeds(engine)
        finally:
            await engine.close()
        rows[name] = row
        print(f"{name:26}", json.dumps(row), flush=True)
    counts = {"clips": len(clips), "words": sum(len(each) for _, each in first)} if clips else {}
    return {"presets": rows, **counts}


def compared(
    first: Sequence[tuple[Logits, list[str]]], heard: Sequence[Logits], judged: Sequence[list[str]]
) -> dict[str, Any]:
    """How far logits are apart at most, and the share of verdicts that are the same."""
    apart = max(float(np.abs(one - other).max()) for (one, _), other in zip(first, heard, strict=True))
    words = same = 0
    for (_, expected), found in zip(first, judged, strict=True):
        words += max(len(expected), len(found))
        same += sum(one == other for one, other in zip(expected, found, strict=False))
    return {
        "logits_apart": float(f"{apart:.2g}"),
        "verdicts_equal": round(same / words, 5),
        "verdicts_other": words - same,
    }


def device(arguments: argparse.Namespace) -> str:
    """What torch runs on, in words."""
    if arguments.without_torch:
        return "cpu"
    import torch

    if arguments.device in ("auto", "cuda") and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "cpu"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="phonemes", help="in models/")
    parser.add_argument("--onnx", action="append", type=Path, default=[], help="folder of a model for onnxruntime")
    parser.add_argument("--device", default="auto", help="of torch")
    parser.add_argument("--without-torch", action="store_true")
    parser.add_argument("--clips", type=int, default=200, help="of each split, at most")
    parser.add_argument("--skip", action="append", default=[], help="a preset, by its name in the table")
    parser.add_argument("--only", choices=("verdicts", "speeds"))
    parser.add_argument("--save", type=Path, help="what it holds already is kept, where it is not measured anew")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments))
    names = ["onnxruntime", "numpy", *([] if arguments.without_torch else ["torch", "onnx"])]
    found |= {
        "device": device(arguments),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": os.getloadavg()[0]},
        "versions": {name: version(name) for name in names},
    }
    if arguments.save and arguments.save.exists():
        kept = json.loads(arguments.save.read_text())
        found["presets"] = {
            name: {**kept["presets"].get(name, {}), **found["presets"].get(name, {})}
            for name in {**kept["presets"], **found["presets"]}
        }
        found = {**kept, **found}
    if arguments.save:
        arguments.save.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
