"""The phoneme network that can hear live: it looks 0.64 s ahead at most, and all that it remembers is tensors.

Log-mel energies over a running mean, then residual dilated convolutions (after Collobert, Puhrsch, Synnaeve,
"Wav2Letter", 2016). The mean is that of the energy, not of its logarithm, in each band from the clip's beginning: what
is loud decides it, so that it follows a voice within a few sounds and forgets the silence before it, and neither the
level nor the colour of a microphone reaches the network (after Wang et al., "Trainable Frontend For Robust and
Far-Field Keyword Spotting", 2017, whose mean forgets exponentially).

What lies beyond a clip's length never reaches its logits, and logits computed chunk by chunk are those of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from streamproc.scoring.phonemes import BLANK
from streamproc.training.spectrum import BANDS, HOP, SPECTRUM, WINDOW, fourier, mask, mel

CHUNK = 2 * HOP
"""`LiveNetwork.hear` takes a multiple of this many samples."""

_REMEMBERED = WINDOW // 2 + HOP
_CHANNELS = 128
_WIDTH = 5
_BLOCKS = ((1, 2), (1, 2), (2, 2), (2, 1), (4, 2), (4, 2), (1, 2), (1, 2))
"""(dilation, taps ahead) of each block; five taps in all. Together they look 0.60 s ahead and 0.68 s back."""

_FLOOR = 1e-4
"""Of the running mean: what is 40 dB below a band's own mean is silence in it."""

_EMPTY = 1e-3
"""Of the mean over all bands: a band with less (a telephone's, above 4 kHz) is not made as loud as the others."""

_PRIOR = 1e-4
"""Energy in each band that the running mean starts with, for `_PRIOR_FRAMES`: about -70 dB of full scale."""

_PRIOR_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Memory:
    """What a network that hears in chunks remembers of the chunks before, all of it tensors of fixed shapes.

    ``samples`` [batch, 360], ``energy`` [batch, 40] (sums over frames), ``features`` [batch, 40, 3], ``blocks`` one
    [batch, 128, 4 × dilation] each, and ``frames``: how many frames of logits have begun, of all rows or, as a tensor
    [batch, 1], of each.
    """

    samples: Tensor
    energy: Tensor
    features: Tensor
    blocks: tuple[Tensor, ...]
    frames: int | Tensor


class LiveFeatures(nn.Module):
    """Log-mel energies over their running mean."""

    fourier: Tensor
    mel: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fourier", fourier(), persistent=False)
        self.register_buffer("mel", mel().unsqueeze(2), persistent=False)
        self.register_buffer("centre", torch.zeros(BANDS, 1))
        self.register_buffer("scale", torch.ones(BANDS, 1))

    def energy(self, audio: Tensor) -> Tensor:
        """[batch, samples] to energies [batch, 40, frames], the first window beginning with the first sample."""
        spectrum = nn.functional.conv1d(audio.unsqueeze(1), self.fourier, stride=HOP)
        half = SPECTRUM // 2 + 1
        return nn.functional.conv1d(spectrum[:, :half] ** 2 + spectrum[:, half:] ** 2, self.mel)

    def normalise(self, energy: Tensor, before: Tensor, first: int | Tensor) -> Tensor:
        """Energies of frames ``first``, ``first`` + 1, … over the running mean; ``before``: their sums until then.

        ``first`` is a number, or a tensor [batch, 1]."""
        count = torch.arange(1, energy.shape[2] + 1, device=energy.device) + first + _PRIOR_FRAMES
        sums = energy.cumsum(2) + (before.unsqueeze(2) + _PRIOR * _PRIOR_FRAMES)
        mean = sums / count.to(energy.dtype).unsqueeze(-2)
        mean = mean + _EMPTY * mean.mean(1, keepdim=True)
        return ((energy / mean + _FLOOR).log() - self.centre) / self.scale

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, samples] and [batch] to features [batch, 40, n] and their lengths [batch], n = samples // 160 + 1."""
        audio = audio * mask(lengths, audio.shape[1])
        energy = self.energy(nn.functional.pad(audio, (WINDOW // 2, WINDOW // 2)))
        count = lengths // HOP + 1
        valid = mask(count, energy.shape[2]).unsqueeze(1)
        return self.normalise(energy, energy.new_zeros(energy.shape[:2]), 0) * valid, count


class _Block(nn.Module):
    """A residual dilated convolution that looks ``ahead`` taps ahead and the rest of five back."""

    def __init__(self, dilation: int, ahead: int) -> None:
        super().__init__()
        self.ahead, self.back = dilation * ahead, dilation * (_WIDTH - 1 - ahead)
        self.conv = nn.Conv1d(_CHANNELS, _CHANNELS, _WIDTH, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, back + n + ahead] to the n frames between."""
        inner = x[:, :, self.back : x.shape[2] - self.ahead]
        return inner + torch.relu(self.norm(self.conv(x)))


class LiveNetwork(nn.Module):
    """Audio to logits over the 40 phonemes and the blank, one frame each 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.features = LiveFeatures()
        self.stem = nn.Conv1d(BANDS, _CHANNELS, _WIDTH, stride=2, bias=False)
        self.norm = nn.BatchNorm1d(_CHANNELS)
        self.blocks = nn.ModuleList(_Block(dilation, ahead) for dilation, ahead in _BLOCKS)
        self.dropout = nn.Dropout(0.05)
        self.head = nn.Conv1d(_CHANNELS, BLANK + 1, 1)

    @property
    def delay(self) -> int:
        """Frames of logits by which `hear` lags behind its audio."""
        return 1 + sum(dilation * ahead for dilation, ahead in _BLOCKS)

    def core(self, features: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """LiveFeatures [batch, 40, n] and their lengths to logits [batch, frames, 41] and theirs."""
        frames = (count + 1) // 2
        x = torch.relu(self.norm(self.stem(nn.functional.pad(features, (2, 2)))))
        valid = mask(frames, x.shape[2]).unsqueeze(1)
        x = x * valid
        for block in self.blocks:
            x = block(nn.functional.pad(x, (block.back, block.ahead))) * valid
        return self.head(self.dropout(x)).transpose(1, 2), frames

    def forward(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, samples] float32 at 16 kHz, [batch] lengths in samples: logits [batch, frames, 41], frames [batch].

        Frame i of the logits is centred on sample 320 i; a clip of n samples has (n // 160 + 2) // 2 frames.
        """
        return self.core(*self.features(audio, lengths))

    def memory(self, batch: int = 1) -> Memory:
        """What it remembers before anything was heard."""
        weight = self.head.weight
        return Memory(
            weight.new_zeros(batch, _REMEMBERED),
            weight.new_zeros(batch, BANDS),
            weight.new_zeros(batch, BANDS, 3),
            tuple(weight.new_zeros(batch, _CHANNELS, block.back + block.ahead) for block in self.blocks),
            0,
        )

    def hear(self, audio: Tensor, memory: Memory, *, end: int | Tensor | None = None) -> tuple[Tensor, Memory]:
        """The logits that ``audio`` [batch, a multiple of 320] makes certain, and what to remember.

        The first `delay` frames that come out lie before the recording's beginning: leave them out. After its last
        sample give zeros for the frames still owed; ``end`` is then its length in samples, a number
        or [batch, 1], and nothing beyond is heard.
        """
        count = audio.shape[1] // CHUNK
        samples = torch.cat([memory.samples, audio], 1)
        # One feature frame is owed, as the window of frame j ends with sample 160 j + 199.
        first = 2 * memory.frames - 1
        energy = self.features.energy(samples)
        frame = torch.arange(2 * count, device=audio.device) + first
        last = 2**62 if end is None else end // HOP
        valid = ((frame >= 0) & (frame <= last)).to(energy.dtype).unsqueeze(-2)
        energy = energy * valid
        features = self.features.normalise(energy, memory.energy, first) * valid
        features = torch.cat([memory.features, features], 2)
        x = torch.relu(self.norm(self.stem(features)))
        begin, until = memory.frames - 1, 2**62 if end is None else (end // HOP + 2) // 2
        kept = []
        for number, block in enumerate([None, *self.blocks]):
            if block is not None:
                whole = torch.cat([memory.blocks[number - 1], x], 2)
                kept.append(whole[:, :, count:])
                x = block(whole)
                begin -= block.ahead
            frame = torch.arange(count, device=audio.device) + begin
            x = x * ((frame >= 0) & (frame < until)).to(x.dtype).unsqueeze(-2)
        logits = self.head(x).transpose(1, 2)
        return logits, Memory(
            samples[:, count * CHUNK :], memory.energy + energy.sum(2), features[:, :, 2 * count :], tuple(kept),
            memory.frames + count,
        )  # fmt: skip
