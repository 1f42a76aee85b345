"""Training: AdamW with one warm-up and a cosine's fall, CTC loss, and at first the known alignment as a guide."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from streamproc.scoring.phonemes import BLANK
from streamproc.training.batches import BatchMaker, SpeechBatch
from streamproc.training.network import PhonemeNetwork
from streamproc.training.speech import SAMPLE_RATE

BATCH = 24
_RATE = 2.5e-3
_WARM_UP = 0.05
_GUIDED = 0.25
"""The share of the training over which the alignment's weight falls to nothing."""

Progress = Callable[[int, float, float], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, in evaluation mode, and how many seconds of speech it has heard."""

    network: PhonemeNetwork
    seconds_heard: float


def train(*, seed: int, steps: int, progress: Progress) -> Trained:
    """A network trained on ``steps`` batches of synthetic speech.

    ``progress(step, loss, seconds)`` is called after each step. Raises RuntimeError when speech cannot be made.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the other core makes the speech
    network = PhonemeNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    began = time.monotonic()
    samples = 0
    with BatchMaker(seed, BATCH) as batches:
        for step in range(1, steps + 1):
            done = step / steps
            for group in optimiser.param_groups:
                group["lr"] = _RATE * min(1.0, done / _WARM_UP) * _fall(done)
            batch = batches.next()
            samples += int(batch.lengths.sum())
            loss = _loss(network, batch, guide=max(0.0, 1 - done / _GUIDED))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            progress(step, float(loss.detach()), time.monotonic() - began)
    return Trained(network.eval(), samples / SAMPLE_RATE)


def has_bf16() -> bool:
    """Whether the processor computes in bf16; where it does not, torch takes nine times as long for it as for fp32."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def _fall(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done)) * 0.99 + 0.01


def _loss(network: PhonemeNetwork, batch: SpeechBatch, *, guide: float) -> Tensor:
    """CTC loss a phoneme, plus ``guide`` times the cross-entropy of the aligned frames."""
    with torch.no_grad():
        features, count = network.features(torch.from_numpy(batch.audio), torch.from_numpy(batch.lengths))
        hide_parts(features)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16()):
        logits, frames = network.core(features, count)
    log_probs = logits.float().log_softmax(2)
    counts = torch.from_numpy(batch.phoneme_counts)
    loss = nn.functional.ctc_loss(
        log_probs.transpose(0, 1), torch.from_numpy(batch.phonemes), frames, counts,
        blank=BLANK, reduction="sum", zero_infinity=True,
    ) / counts.sum()  # fmt: skip
    if guide > 0:
        alignment = torch.from_numpy(batch.alignment)
        loss = loss + guide * nn.functional.nll_loss(log_probs.transpose(1, 2), alignment, ignore_index=-1)
    return loss


def hide_parts(features: Tensor) -> None:
    """SpecAugment (Park et al. 2019): bands and short stretches of each clip set to the mean, in place."""
    bands, size = features.shape[1:]
    for clip in features:
        width = int(torch.randint(0, 9, ()))
        low = int(torch.randint(0, bands - width, ()))
        clip[low : low + width] = 0
        for _ in range(size // 150):
            length = int(torch.randint(0, 12, ()))
            start = int(torch.randint(0, max(1, size - length), ()))
            clip[:, start : start + length] = 0
