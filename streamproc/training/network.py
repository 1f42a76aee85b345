"""The phoneme network: raw audio in, CTC logits out, log-mel features and length masks inside.

A fixed short-time Fourier transform as a convolution, 40 mel bands, normalisation over the clip, and residual dilated
convolutions (after Collobert, Puhrsch, Synnaeve, "Wav2Letter", 2016). What lies beyond a clip's length never reaches
its logits: every stage is masked, so a clip gives the same logits alone and padded in a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from streamproc.scoring.phonemes import BLANK
from streamproc.training.spectrum import BANDS, HOP, SPECTRUM, WINDOW, fourier, mask, mel

_CHANNELS = 128
_DILATIONS = (1, 1, 2, 2, 4, 4, 1, 1)
_WIDTH = 5


class Features(nn.Module):
    """Log-mel features of audio, each band of each clip with mean 0 and variance 1."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fourier", fourier(), persistent=False)
        self.register_buffer("mel", mel().unsqueeze(2), persistent=False)

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, samples] and [batch] to features [batch, 40, n] and their lengths [batch], n = samples // 160 + 1."""
        inside = mask(lengths, audio.shape[1])
        audio = audio * inside
        # The loudness of the recording must not matter, and silence must not become noise: hence the two floors.
        power = (audio * audio).sum(1, keepdim=True) / lengths.clamp(min=1).unsqueeze(1).to(audio.dtype)
        audio = audio / (power.sqrt() + 1e-4)
        spectrum = nn.functional.conv1d(
            audio.unsqueeze(1), self.fourier, stride=HOP, padding=WINDOW // 2
        )  # fmt: skip
        half = SPECTRUM // 2 + 1
        energy = spectrum[:, :half] ** 2 + spectrum[:, half:] ** 2
        features = (nn.functional.conv1d(energy, self.mel) + 1e-2).log()
        count = lengths // HOP + 1
        valid = mask(count, features.shape[2]).unsqueeze(1)
        total = count.view(-1, 1, 1).to(features.dtype)
        centred = (features - (features * valid).sum(2, keepdim=True) / total) * valid
        deviation = ((centred * centred).sum(2, keepdim=True) / total).sqrt()
        return centred / (deviation + 0.1), count


class _Block(nn.Module):
    """A residual dilated convolution."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            _CHANNELS, _CHANNELS, _WIDTH, padding=dilation * (_WIDTH // 2), dilation=dilation, bias=False
        )
        self.norm = nn.BatchNorm1d(_CHANNELS)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        return (x + torch.relu(self.norm(self.conv(x)))) * valid


class PhonemeNetwork(nn.Module):
    """Audio to logits over the 40 phonemes and the blank, one frame each 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.features = Features()
        self.stem = nn.Conv1d(BANDS, _CHANNELS, _WIDTH, stride=2, padding=_WIDTH // 2, bias=False)
        self.norm = nn.BatchNorm1d(_CHANNELS)
        self.blocks = nn.ModuleList(_Block(dilation) for dilation in _DILATIONS)
        self.dropout = nn.Dropout(0.05)
        self.head = nn.Conv1d(_CHANNELS, BLANK + 1, 1)

    def core(self, features: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, 40, n] and their lengths to logits [batch, frames, 41] and theirs."""
        frames = (count + 1) // 2
        x = self.norm(self.stem(features))
        valid = mask(frames, x.shape[2]).unsqueeze(1)
        x = torch.relu(x) * valid
        for block in self.blocks:
            x = block(x, valid)
        return self.head(self.dropout(x)).transpose(1, 2), frames

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, samples] float32 at 16 kHz, [batch] lengths in samples: logits [batch, frames, 41], frames [batch].

        Frame i of the logits is centred on sample 320 i; a clip of n samples has (n // 160 + 2) // 2 frames.
        """
        return self.core(*self.features(audio, lengths))
