"""Whether a model is the one that is declared: the shipped one, and what others might answer in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamproc.errors import ErrorCode
from streamproc.inference.answers import DoubtfulError
from streamproc.inference.engine import Samples
from streamproc.inference.proof import Own, prove
from streamproc.inference.served import Catalogue, ServedModel, built_in
from streamproc.training.evaluate import MODEL, Recogniser

ROOT = Path(__file__).parents[3]


def shipped(**said: Any) -> ServedModel:
    model = Catalogue.read(ROOT / "models.toml").get("phonemes")
    assert model is not None
    assert model.declared is not None
    declared = model.declared.model_copy(update=said)
    return replace(model, declared=declared, form=declared)


class Hearing:
    """The shipped model, whose answers are changed on the way."""

    def __init__(self) -> None:
        self._recogniser = Recogniser(MODEL)
        self.heard: list[list[int]] = []
        """Samples of the clips of each request."""
        self.turn = 0
        self.deaf_when_padded = False

    async def __call__(self, clips: Sequence[Samples]) -> list[Own]:
        self.heard.append([len(clip) for clip in clips])
        found = [np.roll(logits, self.turn, axis=1) for logits in self._recogniser.logits(list(clips))]
        if self.deaf_when_padded and len(clips) > 1:
            found[0] = np.zeros_like(found[0])
        return found


async def refusal(model: ServedModel, hear: Hearing) -> str:
    with pytest.raises(DoubtfulError) as raised:
        await prove(model, hear)
    assert raised.value.code is ErrorCode.INFERENCE_UNUSABLE
    return raised.value.message


async def test_the_declared_model_is_heard_alone_and_padded() -> None:
    hear = Hearing()
    await prove(shipped(), hear)
    whole = hear.heard[0][0]
    assert hear.heard == [[whole], [whole // 2], [whole // 2, whole]]


async def test_symbols_in_another_order_are_told_by_the_fingerprint_with_both_values() -> None:
    hear = Hearing()
    hear.turn = 1
    pinned = shipped()
    assert pinned.declared is not None
    assert pinned.declared.fingerprint is not None
    told = await refusal(pinned, hear)
    assert told.startswith("model 'phonemes/2' has the fingerprint [")
    assert told.endswith(f"]; pinned is {list(pinned.declared.fingerprint)}")


async def test_without_a_fingerprint_they_are_told_by_what_is_misheard() -> None:
    hear = Hearing()
    hear.turn = 1
    told = await refusal(shipped(fingerprint=None), hear)
    assert "of the golden clip's phonemes wrong, and 50% is the most" in told


async def test_a_model_that_hears_its_padding_is_told() -> None:
    hear = Hearing()
    hear.deaf_when_padded = True
    assert "hears a clip otherwise when it is padded" in await refusal(shipped(), hear)


async def test_a_model_that_hears_clips_alone_is_never_given_two() -> None:
    hear = Hearing()
    hear.deaf_when_padded = True
    await prove(shipped(padding="alone"), hear)
    assert [len(lengths) for lengths in hear.heard] == [1]


async def test_of_a_model_that_nobody_has_declared_nothing_is_asked() -> None:
    hear = Hearing()
    await prove(built_in("phonemes", ""), hear)
    assert hear.heard == []
