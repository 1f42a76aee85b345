"""A wav2vec2 of its own form in a real Triton: it scores, and another in its place is found out, whatever it says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from support.activities import TEXT, activity, inline, phrase
from support.declared_triton import DeclaredTriton, changed, wav2vec2
from support.hearing_wav2vec2 import SPELT, onnx
from support.scripted_stream import until
from support.tiny_wav2vec2 import SYMBOLS
from support.tiny_wav2vec2 import onnx as untrained

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.generated.events import JudgedBy, Result, SourcePosition, Verdict
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference import triton
from streamproc.inference.golden import golden_clip, phoneme_errors
from streamproc.inference.model_inputs import unit_variance
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.pool import TritonPool
from streamproc.inference.self_test import fingerprint_of
from streamproc.inference.served import Catalogue, ServedModel
from streamproc.inference.wiring import pool_of
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings
from streamproc.training.evaluate import MODEL, Recogniser

SETTINGS = Settings()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeclaredTriton]:
    part = DeclaredTriton(tmp_path_factory.mktemp("declared"))
    try:
        part.start()
        yield part
    finally:
        part.stop()


@asynccontextmanager
async def started(server: DeclaredTriton, model: ServedModel) -> AsyncIterator[TritonPool]:
    engine = pool_of([server.address], model, 30, 60.0)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


def with_fingerprint(model: ServedModel, folder: Path) -> ServedModel:
    assert model.declared is not None
    return changed(model, fingerprint=fingerprint_of(model.declared, folder / "ipa/ipa.onnx"))


async def refusal(server: DeclaredTriton, model: ServedModel) -> str:
    with pytest.raises(StreamprocError) as raised:
        async with started(server, model):
            pass
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE
    return raised.value.message


async def test_it_hears_in_triton_what_it_hears_in_this_process(server: DeclaredTriton, tmp_path: Path) -> None:
    model = wav2vec2(tmp_path, onnx())
    server.serve(model, onnx())
    (tmp_path / "ipa/1").mkdir()
    (tmp_path / "ipa/1/model.onnx").write_bytes(onnx())
    beside = OnnxEngine(tmp_path, model, 30, 1)
    clips = [golden_clip()[:length] for length in (20_000, 0, 300, 34_000, 400, 30_000)]
    async with started(server, model) as engine:
        try:
            assert await beside.start() == engine.model == model.identity
            here, there = await asyncio.gather(engine.infer(clips), beside.infer(clips))
        finally:
            await beside.close()
    assert [len(logits) for logits in here.logits] == [62, 0, 0, 106, 1, 93]
    for one, other in zip(here.logits, there.logits, strict=True):
        np.testing.assert_allclose(np.exp(one), np.exp(other), atol=1e-3)
    assert phoneme_errors(model.form, here.logits[3]) <= 2 / 19


async def test_symbols_of_one_phoneme_are_summed(server: DeclaredTriton, tmp_path: Path) -> None:
    """The network shares the probability of T out among "t" and "ɾ", and so on: together they are its own again."""
    model = wav2vec2(tmp_path, onnx())
    server.serve(model, onnx())
    async with started(server, model) as engine:
        (heard,) = (await engine.infer([golden_clip()])).logits
    (inside,) = Recogniser(MODEL).logits([unit_variance(golden_clip())[200:]])
    np.testing.assert_allclose(np.exp(heard), np.exp(log_softmax(inside)[: len(heard)]), atol=1e-3)


async def test_each_clip_is_normalised_by_itself_before_it_is_padded(server: DeclaredTriton, tmp_path: Path) -> None:
    model = wav2vec2(tmp_path, onnx())
    server.serve(model, onnx())
    short = golden_clip()[:17_000]
    async with started(server, model) as engine:
        (alone,) = (await engine.infer([short])).logits
        beside, quiet, _ = (await engine.infer([short, 0.01 * short, golden_clip()])).logits
    np.testing.assert_allclose(np.exp(beside), np.exp(alone), atol=0.02)
    np.testing.assert_allclose(np.exp(quiet), np.exp(beside), atol=0.02)


@pytest.mark.parametrize("turn", [7, 46])
async def test_the_blank_may_stand_anywhere(server: DeclaredTriton, tmp_path: Path, turn: int) -> None:
    content = onnx(turn=turn)
    symbols = [*SYMBOLS[-turn:], *SYMBOLS[:-turn]]
    model = wav2vec2(tmp_path, content, f"blank-{turn}", symbols=json.dumps(symbols), blank=turn)
    server.serve(model, content)
    async with started(server, model) as engine:
        (heard,) = (await engine.infer([golden_clip()])).logits
    assert phoneme_errors(model.form, heard) <= 2 / 19


async def test_a_phoneme_of_two_symbols_is_scored_in_the_model_s_spelling(
    server: DeclaredTriton, tmp_path: Path
) -> None:
    content = onnx(spelt=True)
    model = wav2vec2(tmp_path, content, "spelt", sequences=SPELT)
    server.serve(model, content)
    async with started(server, model) as engine:
        (word, *_) = (await scored(engine, tmp_path / "spelt/models.toml")).phrases[0].words
    assert (word.text, word.verdict) == ("Milo", Verdict.CORRECT)
    assert word.reference == word.heard == ("M", "AA", "IH", "L", "OW"), "AY is two symbols of this model"


async def test_the_margin_is_the_model_s(server: DeclaredTriton, tmp_path: Path) -> None:
    def verdicts(result: Result) -> list[Verdict]:
        return [word.verdict for word in result.phrases[0].words]

    for name, margin in (("strict", 0.0), ("lenient", 1000.0)):
        model = wav2vec2(tmp_path, onnx(), name, margin=margin)
        server.serve(model, onnx())
        async with started(server, model) as engine:
            result = await scored(engine, tmp_path / name / "models.toml", "Milo the mole had a lattern")
        flagged = Verdict.MISPRONOUNCED in verdicts(result)
        assert flagged == (name == "strict"), verdicts(result)


async def scored(engine: TritonPool, file: Path, text: str = TEXT) -> Result:
    """What becomes of a reading of the golden clip."""
    source = SourcePosition(topic="t", partition=0, offset=0)
    models = Catalogue.read(file)
    scorer = ActivityScorer(
        ClipFetcher((), 1), engine, VariantAligner(), SETTINGS.audio, SETTINGS.scoring, models=models
    )
    now, retries = time.perf_counter(), Retries(60, 0, Intake(lambda reason, closed: None))
    return await scorer.score(activity(phrase(inline(), text=text)), source, now, now, retries)


async def test_a_reading_is_scored_by_it_and_the_result_names_it(server: DeclaredTriton, tmp_path: Path) -> None:
    model = wav2vec2(tmp_path, onnx())
    server.serve(model, onnx())
    async with started(server, model) as engine:
        result = await scored(engine, tmp_path / "ipa/models.toml")
    assert (result.model.name, result.model.version, result.model.sha256) == ("ipa", "1", model.identity.sha256)
    assert result.judged_by is JudgedBy.MARGIN, "it brings no classifier"
    words = result.phrases[0].words
    assert [word.verdict for word in words] == [Verdict.CORRECT] * 6
    assert words[0].start_ms is not None
    assert words[0].start_ms % 20 == 12, "the middle of a frame that is centred on sample 200 and so on"


async def test_one_without_a_mask_is_served_too(server: DeclaredTriton, tmp_path: Path) -> None:
    content = onnx(masked=False)
    model = wav2vec2(tmp_path, content, "group-norm", padding='"alone"')
    server.serve(model, content)
    async with started(server, model) as engine:
        whole, half = (await engine.infer([golden_clip(), golden_clip()[:17_000]])).logits
        (alone,) = (await engine.infer([golden_clip()[:17_000]])).logits
    np.testing.assert_allclose(half, alone, atol=1e-3)
    assert phoneme_errors(model.form, whole) <= 2 / 19


async def test_one_that_needs_a_mask_is_not_taken_for_one_that_forbids_it(
    server: DeclaredTriton, tmp_path: Path
) -> None:
    server.serve(wav2vec2(tmp_path, onnx()), onnx())
    unmasked = wav2vec2(tmp_path / "other", onnx(), padding='"alone"')
    assert "takes {'input_values': 'TYPE_FP32', 'attention_mask': 'TYPE_INT64'}" in await refusal(server, unmasked)


async def test_one_that_hears_its_padding_is_refused_though_it_takes_a_mask(
    server: DeclaredTriton, tmp_path: Path
) -> None:
    """As one with group normalisation does: its clips must go alone."""
    content = untrained(masked=False)
    model = wav2vec2(tmp_path, content, "deaf", phoneme_errors=1.0)
    server.serve(model, content)
    assert "padding = 'mask'" in await refusal(server, model)


@pytest.mark.parametrize("probabilities", [True, False])
async def test_probabilities_and_logits_are_not_taken_for_each_other(
    server: DeclaredTriton, tmp_path: Path, probabilities: bool
) -> None:
    content = onnx(probabilities=probabilities)
    given, other = ("probabilities", "logits") if probabilities else ("logits", "probabilities")
    model = wav2vec2(tmp_path, content, given, output=f'"{other}"')
    server.serve(model, content)
    assert f"gives {given}" in await refusal(server, model)
    right = wav2vec2(tmp_path, content, given, output=f'"{given}"')
    async with started(server, right) as engine:
        (heard,) = (await engine.infer([golden_clip()])).logits
    assert phoneme_errors(right.form, heard) <= 2 / 19


async def test_41_symbols_in_another_order_are_refused_by_what_is_heard(server: DeclaredTriton, tmp_path: Path) -> None:
    """It says of itself that it has the pinned weights."""
    model, other = wav2vec2(tmp_path, onnx()), onnx(turn=3)
    pinned = with_fingerprint(model, tmp_path)
    server.serve(model, other, said=model.identity.sha256)
    assert " of the golden clip's phonemes wrong, and 50% is the most" in await refusal(server, model)
    told = await refusal(server, pinned)
    assert "has the fingerprint [" in told
    assert pinned.declared is not None
    assert told.endswith(f"pinned is {list(pinned.declared.fingerprint or ())}")


async def test_other_weights_are_refused_with_both_hashes(server: DeclaredTriton, tmp_path: Path) -> None:
    model, other = wav2vec2(tmp_path, onnx()), onnx(seed=2)
    server.serve(model, other)
    told = await refusal(server, model)
    theirs = wav2vec2(tmp_path / "other", other).identity.sha256
    assert told.endswith(f"has the SHA-256 {theirs}; pinned is {model.identity.sha256}")


async def test_another_version_is_told_beside_the_pinned_one(server: DeclaredTriton, tmp_path: Path) -> None:
    model = wav2vec2(tmp_path, onnx(), "versioned")
    server.serve(changed(model, version="2"), onnx())
    with pytest.raises(StreamprocError, match="it has version 2, pinned is 1") as raised:
        async with started(server, model):
            pass
    assert raised.value.code is ErrorCode.INFERENCE_UNAVAILABLE


@pytest.mark.parametrize("honest", [True, False])
async def test_one_that_is_replaced_while_it_serves_is_ejected_and_taken_in_again_once_it_is_back(
    server: DeclaredTriton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    """Honest: its configuration has the new weights' SHA-256. Else it is found out by the proof of each minute, which
    is of each second here."""
    monkeypatch.setattr(triton, "PROVEN_FOR_S", 1.0)
    model = wav2vec2(tmp_path, onnx())
    server.serve(model, onnx())
    pinned = with_fingerprint(model, tmp_path)
    other = onnx(turn=3)
    async with started(server, pinned) as engine:
        (endpoint,) = engine.endpoints
        await asyncio.to_thread(server.serve, model, other, said=None if honest else pinned.identity.sha256)
        if honest:
            with pytest.raises(StreamprocError) as raised:
                await engine.infer([golden_clip()])
            assert raised.value.code is ErrorCode.INFERENCE_UNUSABLE
        await until(lambda: not endpoint.available)
        assert "; pinned is " in endpoint.ejected
        await asyncio.to_thread(server.serve, model, onnx())
        await until(lambda: endpoint.available)
        (logits,) = (await engine.infer([golden_clip()])).logits
    assert phoneme_errors(model.form, logits) <= 2 / 19
