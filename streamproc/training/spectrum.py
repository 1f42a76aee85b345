"""What both phoneme networks hear with: a Fourier transform as a fixed convolution, mel bands, length masks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from streamproc.training.speech import SAMPLE_RATE

HOP = 160
"""Samples between two feature frames (10 ms); a frame of logits is two of them."""

WINDOW = 400
"""Samples of one feature frame (25 ms)."""

SPECTRUM = 512
"""Samples of the transform, the window's padding included."""

BANDS = 40


def mask(lengths: Tensor, size: int | Tensor) -> Tensor:
    """1.0 for positions below each length, else 0.0: [batch, size]."""
    positions = torch.arange(size, device=lengths.device)
    return (positions.unsqueeze(0) < lengths.unsqueeze(1)).to(torch.float32)


def fourier() -> Tensor:
    """Windowed cosines and sines, one output channel each: [2 × 257, 1, 400]."""
    time = torch.arange(WINDOW, dtype=torch.float64)
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * time / WINDOW)
    angle = 2 * math.pi * torch.arange(SPECTRUM // 2 + 1, dtype=torch.float64).unsqueeze(1) * time / SPECTRUM
    return (torch.cat([angle.cos(), angle.sin()]) * window).unsqueeze(1).float()


def mel() -> Tensor:
    """Triangular filters, evenly spaced on the mel scale (O'Shaughnessy 1987) from 60 Hz to 7.6 kHz: [40, 257]."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (60.0, 7600.0))
    edges = 700 * (10 ** (torch.linspace(low, high, BANDS + 2, dtype=torch.float64) / 2595) - 1)
    bins = torch.arange(SPECTRUM // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / SPECTRUM
    left, centre, right = (part.unsqueeze(1) for part in (edges[:-2], edges[1:-1], edges[2:]))
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0).float()
