"""Write heard.json anew from the model in the tree: ``python tests/golden/phonemes/make.py``, after a training."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile

from streamproc.scoring.ctc import greedy_decode, log_softmax
from streamproc.scoring.phonemes import PHONEMES
from streamproc.training.evaluate import MODEL, Recogniser

FOLDER = Path(__file__).parent
EVERY = 10
"""Frames from one that is kept to the next."""


def main() -> None:
    audio, _ = soundfile.read(FOLDER / "clip.flac", dtype="float32")
    (logits,) = Recogniser(MODEL).logits([audio])
    heard = [PHONEMES[token.code] for token in greedy_decode(log_softmax(logits))]
    expected = {
        "phonemes": heard,
        "every": EVERY,
        "logits": [[round(float(x), 4) for x in frame] for frame in logits[::EVERY]],
    }
    (FOLDER / "heard.json").write_text(json.dumps(expected) + "\n")
    print(*heard)


if __name__ == "__main__":
    main()
