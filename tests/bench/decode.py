"""Greedy decoding and prefix beam search: phoneme error rate, verdicts, and what the verdicts cost.

    python tests/bench/decode.py [--clips 400] [--output docs/benchmarks/decode.json]

Judges the model in the tree on the splits of `python -m streamproc.training.evaluate`, by the same logits for every
decode. The cost is processor time of the verdicts on an activity (two clips of the demo), softmax included, all decodes
in turn; "numpy" is greedy decoding and the forward pass as they are without compiled kernels.

Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import aligner_mypyc
from streamproc.scoring import lexicon, score
from streamproc.scoring.ctc import Decode, Floats, Token, decoder, log_likelihoods, log_softmax
from streamproc.scoring.phonemes import BLANK
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.variants import VariantAligner
from streamproc.training.corpus import split_clips, split_readings
from streamproc.training.evaluate import CHANNELS, MARGIN, MODEL, SPLITS, Judge, Recogniser, Report
from streamproc.training.speech import Synthesiser

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from support import numpy_ctc  # noqa: E402  run as a script

ROUNDS = 30
DECODES: dict[str, Decode] = {
    "greedy": decoder("greedy", 1),
    **{f"beam of {width}": decoder("beam", width) for width in (4, 8, 16)},
}


Reading = tuple[Floats, list[ExpectedWord]]
"""A clip's logits, and what was to be read."""


class Remembering(Recogniser):
    """The model, which is asked once for each clip."""

    def __init__(self) -> None:
        super().__init__(MODEL)
        self.known: dict[bytes, Floats] = {}

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """[frames, 41] for each clip."""
        keys = [hashlib.sha256(clip.tobytes()).digest() for clip in clips]
        if not self.known.keys() >= set(keys):
            self.known |= zip(keys, (logits.copy() for logits in super().logits(clips)), strict=True)
        return [self.known[key] for key in keys]


def figures(model: Remembering, clips: int) -> tuple[dict[str, dict[str, Report]], list[Reading]]:
    """Split -> decode -> figures; and the demo's logits with what was to be read."""
    judges = {name: Judge(model, decode=decode) for name, decode in DECODES.items()}
    synthesiser = Synthesiser()
    found: dict[str, dict[str, Report]] = {}
    demo: list[Reading] = []
    for split in SPLITS:
        print(f"judging {split}", file=sys.stderr)
        spoken = list(split_clips(split, split_readings(split)[:clips], synthesiser))
        found[split] = {name: judge.figures(spoken).report() for name, judge in judges.items()}
        if split == "misread":
            for heard, channel in CHANNELS.items():
                found[f"{split}, {heard}"] = {
                    name: judge.figures(spoken, channel).report() for name, judge in judges.items()
                }
        if split == "demo":
            words = [[ExpectedWord(w, lexicon.pronunciations(w)) for w in clip.reading.expected] for clip in spoken]
            logits = [model.logits([clip.speech.audio])[0] for clip in spoken]
            demo = list(zip(logits, words, strict=True))
        model.known.clear()
    return found, demo


def costs(demo: Sequence[Reading]) -> dict[str, dict[str, float]]:
    """Decode -> milliseconds of processor time that the verdicts on two clips take: least and median round."""
    aligner = VariantAligner()

    def numpy_decode(log_probs: Floats) -> list[Token]:
        return [Token(*token) for token in numpy_ctc.greedy_decode(log_probs, BLANK)]

    def numpy_likelihoods(log_probs: Floats, hypotheses: Sequence[bytes]) -> list[float]:
        found: list[float] = numpy_ctc.log_likelihoods(log_probs, BLANK, hypotheses).tolist()
        return found

    ways = {"numpy": (numpy_decode, numpy_likelihoods)} | {
        name: (decode, log_likelihoods) for name, decode in DECODES.items()
    }
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (decode, likelihoods) in ways.items():
            with patch.object(score, "log_likelihoods", likelihoods):
                begun = time.process_time()
                for logits, words in demo:
                    score.score_phrase(log_softmax(logits), words, aligner, MARGIN, decode)
                rounds[name].append(2000 * (time.process_time() - begun) / len(demo))
    return {name: {"least": round(min(ms), 3), "median": round(median(ms), 3)} for name, ms in rounds.items()}


def table(found: dict[str, dict[str, Report]], cost: dict[str, dict[str, float]]) -> str:
    """The figures for people."""
    lines = [f"{'':34}" + "".join(f"{name:>24}" for name in DECODES)]
    for split, reports in found.items():
        cells = []
        for report in reports.values():
            rates = (report["phoneme_error_rate"], report["false_alarms"], report["recall"])
            cells.append(" / ".join("-" if rate is None else f"{100 * rate:.2f}" for rate in rates))
        lines.append(f"{split:34}" + "".join(f"{cell:>24}" for cell in cells))
    lines.append("(percent: phoneme error rate / well-read words flagged / misread words found)")
    lines += [f"{name}: {ms['least']} ms, median {ms['median']}" for name, ms in cost.items()]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", type=int, default=400, help="of each split")
    parser.add_argument("--output", type=Path, help="write the JSON object here too")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found, demo = figures(Remembering(), arguments.clips)
    cost = costs(demo)
    print(table(found, cost))
    about: dict[str, Any] = {
        "benchmark": "decode",
        "model_sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "load_before": load},
        "versions": {name: version(name) for name in ("onnxruntime", "espeakng-loader", "numpy", "librt")}
        | {"python": platform.python_version(), "compiled": aligner_mypyc.COMPILED},
        "verdicts_ms_per_activity": cost,
        "splits": found,
    }
    result = json.dumps(about)
    if arguments.output is not None:
        arguments.output.write_text(result + "\n")
    print(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
