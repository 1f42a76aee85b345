"""CTC over what may have been said: as torch's where all is known, and the sum over all cases where it is not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from streamproc.scoring.phonemes import BLANK
from streamproc.training.labels import Sound
from streamproc.training.lattice import loss


def _probability(log_probs: torch.Tensor, codes: Sequence[int]) -> float:
    """By torch's own CTC, of one clip."""
    value = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), torch.tensor([*codes]), torch.tensor([log_probs.shape[1]]),
        torch.tensor([len(codes)]), blank=BLANK, reduction="sum",
    )  # fmt: skip
    return float(torch.exp(-value))


def test_with_known_sounds_it_is_ctc_and_so_is_its_gradient() -> None:
    torch.manual_seed(1)
    logits = torch.randn(5, 60, BLANK + 1, requires_grad=True)
    frames = torch.tensor([60, 60, 31, 44, 50])
    said = [[3, 3, 7], [], [1] * 10, list(range(20)), [5]]
    own = loss(logits.log_softmax(2), frames, [[Sound(code) for code in codes] for codes in said])
    (gradient,) = torch.autograd.grad(own, logits)
    theirs = torch.nn.functional.ctc_loss(
        logits.log_softmax(2).transpose(0, 1), torch.tensor([code for codes in said for code in codes]), frames,
        torch.tensor([len(codes) for codes in said]), blank=BLANK, reduction="sum",
    )  # fmt: skip
    (expected,) = torch.autograd.grad(theirs, logits)
    assert float((own - theirs).detach()) == pytest.approx(0, abs=1e-2)
    assert float((gradient - expected).abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("sounds", "cases"),
    [
        ([Sound(1), Sound(2, optional=True), Sound(3)], [[1, 2, 3], [1, 3]]),
        ([Sound(1), Sound(2, optional=True), Sound(1)], [[1, 2, 1], [1, 1]]),
        ([Sound(1), Sound(2, optional=True)], [[1, 2], [1]]),
        ([Sound(2, optional=True), Sound(1)], [[2, 1], [1]]),
    ],
)
def test_an_optional_sound_is_both_cases(sounds: list[Sound], cases: list[list[int]]) -> None:
    torch.manual_seed(2)
    log_probs = torch.randn(1, 7, BLANK + 1).log_softmax(2)
    found = float(torch.exp(-loss(log_probs, torch.tensor([7]), [sounds])))
    assert found == pytest.approx(sum(_probability(log_probs, codes) for codes in cases), rel=1e-3)


def test_any_other_sound_is_what_is_left_of_the_frame() -> None:
    log_probs = torch.randn(1, 1, BLANK + 1).log_softmax(2)
    found = float(torch.exp(-loss(log_probs, torch.tensor([1]), [[Sound(4, other=True)]])))
    assert found == pytest.approx(1 - float(log_probs[0, 0, [4, BLANK]].exp().sum()), rel=1e-3)


def test_a_clip_too_short_for_what_was_said_is_left_out() -> None:
    logits = torch.randn(1, 2, BLANK + 1, requires_grad=True)
    value = loss(logits.log_softmax(2), torch.tensor([2]), [[Sound(code) for code in range(5)]])
    (gradient,) = torch.autograd.grad(value, logits)
    assert float(value.detach()) == 0
    assert float(gradient.abs().max()) == 0
