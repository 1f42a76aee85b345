"""The model in the tree hears live: logits of chunks are those of the whole, whatever the chunks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.live import LIVE_FILE, LiveModel
from streamproc.training.evaluate import MODEL, Recogniser

Floats = NDArray[np.float32]

FILE = MODEL.parent / LIVE_FILE
CLIP = Path(__file__).parents[2] / "golden/phonemes/clip.flac"
APART = 1e-4


@pytest.fixture(scope="module")
def model() -> LiveModel:
    return LiveModel(FILE)


@pytest.fixture(scope="module")
def whole() -> Recogniser:
    return Recogniser(MODEL)


@pytest.fixture(scope="module")
def recording() -> Floats:
    audio, _ = soundfile.read(CLIP, dtype="float32")
    return np.asarray(audio, dtype=np.float32)


def _heard(model: LiveModel, pieces: Sequence[Floats]) -> Floats:
    hearing = model.begin()
    heard: list[Floats] = []
    for piece in pieces:
        logits, hearing = model.hear(hearing, piece)
        heard.append(logits)
        assert hearing.given == sum(len(logits) for logits in heard)
    return np.concatenate([*heard, model.finish(hearing)])


def _cut(audio: Floats, length: int) -> Iterator[Floats]:
    yield from (audio[begin : begin + length] for begin in range(0, len(audio), length))


@pytest.mark.parametrize("length", [37, 320, 1600, 4000, 16_000, 10**6])
def test_logits_of_chunks_are_those_of_the_whole(
    model: LiveModel, whole: Recogniser, recording: Floats, length: int
) -> None:
    (expected,) = whole.logits([recording])
    heard = _heard(model, list(_cut(recording, length)))
    assert heard.shape == expected.shape
    assert np.abs(heard - expected).max() < APART


def test_chunks_may_differ_in_length_and_be_empty(model: LiveModel, whole: Recogniser, recording: Floats) -> None:
    cuts = np.sort(np.random.default_rng(1).integers(0, len(recording), 40))
    (expected,) = whole.logits([recording])
    assert np.abs(_heard(model, [*np.split(recording, cuts), recording[:0]]) - expected).max() < APART


@pytest.mark.parametrize("samples", [1, 319, 320, 4000])
def test_a_recording_shorter_than_the_model_looks_ahead_is_heard_too(
    model: LiveModel, whole: Recogniser, recording: Floats, samples: int
) -> None:
    (expected,) = whole.logits([recording[:samples]])
    heard = _heard(model, [recording[:samples]])
    assert heard.shape == expected.shape
    assert np.abs(heard - expected).max() < APART


def test_a_recording_of_nothing_has_one_frame(model: LiveModel) -> None:
    assert model.finish(model.begin()).shape == (1, 41)


def test_logits_come_650_ms_after_their_sound_at_most(model: LiveModel, recording: Floats) -> None:
    hearing = model.begin()
    for piece in _cut(recording, 1600):
        _, hearing = model.hear(hearing, piece)
        assert hearing.samples - 320 * hearing.given <= 0.65 * 16_000 + 320


def test_recordings_heard_in_turn_do_not_disturb_each_other(model: LiveModel, recording: Floats) -> None:
    other = recording[::-1].copy()
    alone = _heard(model, list(_cut(recording, 1600)))
    one, two, heard = model.begin(), model.begin(), []
    for piece, another in zip(_cut(recording, 1600), _cut(other, 1600), strict=True):
        logits, one = model.hear(one, piece)
        _, two = model.hear(two, another)
        heard.append(logits)
    assert np.array_equal(np.concatenate([*heard, model.finish(one)]), alone)


def test_a_hearing_can_be_gone_on_with_twice(model: LiveModel, recording: Floats) -> None:
    _, middle = model.hear(model.begin(), recording[:20_000])
    first, _ = model.hear(middle, recording[20_000:40_000])
    again, _ = model.hear(middle, recording[20_000:40_000])
    assert np.array_equal(first, again)


def test_what_is_remembered_is_small(model: LiveModel, recording: Floats) -> None:
    _, hearing = model.hear(model.begin(), recording)
    assert sum(array.nbytes for array in hearing.remembered.values()) < 40_000


def test_a_model_that_needs_the_whole_clip_is_refused() -> None:
    with pytest.raises(StreamprocError, match="cannot hear live") as raised:
        LiveModel(MODEL)
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE


def test_a_live_model_without_its_weights_is_refused(tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    with pytest.raises(StreamprocError, match="cannot be loaded") as raised:
        LiveModel(tmp_path / LIVE_FILE)
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE
