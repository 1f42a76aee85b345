"""The network that hears live: it looks little ahead, and hears in chunks what it hears of the whole."""

from __future__ import annotations

import pytest
import torch

from streamproc.training.causal import CHUNK, LiveNetwork


def _recording(samples: int) -> torch.Tensor:
    loud = torch.linspace(-6, 0, samples).exp()  # the running mean has to follow
    return torch.randn(2, samples) * loud


@pytest.mark.parametrize("samples", [37_123, 32_000, 320, 1])
@pytest.mark.parametrize("chunk", [CHUNK, 5 * CHUNK])
def test_logits_of_chunks_are_those_of_the_whole(network: LiveNetwork, samples: int, chunk: int) -> None:
    audio = _recording(samples)
    owed = (network.delay + 1) * CHUNK
    size = -(-(samples + owed) // chunk) * chunk
    padded = torch.nn.functional.pad(audio, (0, size - samples))
    memory = network.memory(2)
    heard = []
    with torch.no_grad():
        whole, frames = network(audio, torch.tensor([samples, samples]))
        for start in range(0, size, chunk):
            logits, memory = network.hear(padded[:, start : start + chunk], memory, end=samples)
            heard.append(logits)
    chunked = torch.cat(heard, 1)[:, network.delay :][:, : int(frames[0])]
    assert chunked.shape == whole.shape
    assert float((chunked - whole).abs().max()) < 1e-4


def test_nothing_further_ahead_than_650_ms_is_heard(network: LiveNetwork) -> None:
    audio = _recording(48_000)
    cut = audio.clone()
    cut[:, 24_000:] = 0
    lengths = torch.tensor([48_000, 48_000])
    with torch.no_grad():
        apart = (network(audio, lengths)[0] - network(cut, lengths)[0]).abs().amax((0, 2))
    first = int(torch.nonzero(apart)[0])
    assert 24_000 - 320 * first <= 0.65 * 16_000


def test_a_clip_is_heard_the_same_alone_and_padded(network: LiveNetwork) -> None:
    audio = _recording(30_000)
    with torch.no_grad():
        padded, frames = network(torch.nn.functional.pad(audio, (0, 9_000)), torch.tensor([30_000, 39_000]))
        alone, _ = network(audio[:1], torch.tensor([30_000]))
    assert float((padded[:1, : frames[0]] - alone).abs().max()) < 1e-4


def test_neither_level_nor_the_silence_before_matters_much(network: LiveNetwork) -> None:
    audio = 0.1 * torch.randn(1, 32_000)
    lengths = torch.tensor([32_000])
    with torch.no_grad():
        loud, quiet = network.features(audio, lengths)[0], network.features(audio * 0.05, lengths)[0]
    assert float((loud - quiet)[:, :, 20:].abs().max()) < 0.1
