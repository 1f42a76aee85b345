"""An int8 copy of the model: smaller, quicker on CPUs that can, and it hears nearly the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.engine_suite import MODEL, REPOSITORY, golden_clip

from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.training.quantise import quantise


async def test_it_hears_nearly_the_same(tmp_path: Path) -> None:
    clip = golden_clip()
    file = tmp_path / "phonemes-int8/1/model.onnx"
    digest = quantise(MODEL, file, [clip, clip * np.float32(0.5)])
    assert file.stat().st_size < 0.6 * MODEL.stat().st_size
    exact = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 60, 1)
    reduced = OnnxEngine(tmp_path, built_in("phonemes-int8", ""), 60, 1)
    try:
        await exact.start()
        assert (await reduced.start()).sha256 == digest
        (one,), (other,) = [(await engine.infer([clip])).logits for engine in (exact, reduced)]
    finally:
        await exact.close()
        await reduced.close()
    assert (one.argmax(1) == other.argmax(1)).mean() > 0.97
    # The front end is as it was: quantised too, nothing would be heard.
    assert 0 < np.abs(one - other).max() < 5
