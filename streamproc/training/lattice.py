"""CTC loss of what may have been said: a label can be a phoneme, any other sound than one, and optional.

Experts mark a phoneme as wrong and do not say what was spoken in its place. CTC (Graves et al. 2006) sums over the
paths of one label sequence; here a state may also stand for "anything but this phoneme", whose probability is what is
left of the frame, and a label may be stepped over. The gradient is the posterior of each state, from the forward and
backward variables, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from streamproc.scoring.phonemes import BLANK
from streamproc.training.labels import Sound


def loss(log_probs: Tensor, frames: Tensor, said: Sequence[Sequence[Sound]]) -> Tensor:
    """-log P(audio | what may have been said), summed over the batch, clips with too few frames left out.

    Args:
        log_probs: [batch, frames, 41], normalised, the blank last.
        frames: [batch] how many of them are the clip's.
        said: the sounds of each clip; of two optional ones in a row one is said.
    """
    batch, longest = len(said), max(1, *map(len, said))
    states = 2 * longest + 1
    codes = torch.full((batch, states), BLANK)
    other = torch.zeros(batch, states, dtype=torch.bool)
    # Whether a state is reached from two, three and four states back, is one to begin with, and one to end with.
    moves = torch.zeros(3, batch, states, dtype=torch.float64)
    begin, end = torch.zeros(2, batch, states, dtype=torch.float64)
    for row, sounds in enumerate(said):
        begin[row, 0] = end[row, 2 * len(sounds)] = 1
        for place, sound in enumerate(sounds):
            state = 2 * place + 1
            codes[row, state] = sound.code
            other[row, state] = sound.other
            if place == 0 or (place == 1 and sounds[0].optional):
                begin[row, state] = 1
            if place == len(sounds) - 1 or (place == len(sounds) - 2 and sounds[-1].optional):
                end[row, state] = 1
            if place and sounds[place - 1] != sound:
                moves[0, row, state] = 1
            if place and sounds[place - 1].optional:
                moves[1, row, state] = 1
                if place > 1 and sounds[place - 2] != sound:
                    moves[2, row, state] = 1
        if sounds and sounds[-1].optional:
            end[row, 2 * len(sounds) - 2] = 1
    spoken = log_probs.gather(2, codes.unsqueeze(1).expand(-1, log_probs.shape[1], -1))
    rest = (1 - spoken.exp() - log_probs[:, :, BLANK:].exp()).clamp(min=1e-4).log()
    emission = torch.where(other.unsqueeze(1), rest, spoken)
    total: Tensor = _Paths.apply(emission, frames, moves, begin, end)
    return total


class _Paths(torch.autograd.Function):
    """Minus the log of the sum over all paths through ``emission`` [batch, frames, states].

    Probabilities, not their logarithms, scaled to a sum of 1 at each frame.
    """

    @staticmethod
    def forward(ctx: Any, emission: Tensor, frames: Tensor, moves: Tensor, begin: Tensor, end: Tensor) -> Tensor:
        batch, longest, states = emission.shape
        best = emission.amax(2, keepdim=True)
        likely = (emission - best).double().exp().transpose(0, 1).contiguous()
        tiny = 1e-290
        # Padding of four states stands for what is not there.
        forward = torch.zeros(longest, batch, states + 4, dtype=torch.float64)
        forward[0, :, 4:] = begin * likely[0]
        scale = forward.new_ones(longest, batch)
        two, three, four = moves
        for t in range(longest):
            now = forward[t, :, 4:]
            if t:
                last = forward[t - 1]
                torch.add(last[:, 4:], last[:, 3:-1], out=now)
                now.addcmul_(last[:, 2:-2], two).addcmul_(last[:, 1:-3], three).addcmul_(last[:, :-4], four)
                now.mul_(likely[t])
            total = now.sum(1).clamp(min=tiny)
            scale[t] = total
            now.div_(total.unsqueeze(1))
        backward = torch.zeros(longest, batch, states + 4, dtype=torch.float64)
        ending = frames - 1
        padded = torch.nn.functional.pad(moves, (0, 4))
        coming = torch.zeros(batch, states + 4, dtype=torch.float64)
        for t in range(longest - 1, -1, -1):
            now = backward[t, :, :states]
            if t + 1 < longest:
                torch.mul(
                    backward[t + 1, :, :states], likely[t + 1] / scale[t + 1].unsqueeze(1), out=coming[:, :states]
                )
                torch.add(coming[:, :states], coming[:, 1 : states + 1], out=now)
                for distance, move in zip((2, 3, 4), padded, strict=True):
                    ahead = slice(distance, states + distance)
                    now.addcmul_(coming[:, ahead], move[:, ahead])
            now[:] = torch.where((ending == t).unsqueeze(1), end, now)
        through = forward[:, :, 4:] * backward[:, :, :states]
        whole = through.sum(2)
        rows = torch.arange(batch)
        final = whole[ending, rows]
        possible = final > tiny
        inside = (torch.arange(longest).unsqueeze(1) < frames) & possible
        posterior = torch.where(inside.unsqueeze(2), through / whole.clamp(min=tiny).unsqueeze(2), 0.0)
        ctx.save_for_backward(posterior.transpose(0, 1).to(emission.dtype))
        logs = (scale.log().transpose(0, 1) + best.squeeze(2)) * inside.transpose(0, 1)
        found = logs.sum(1) + torch.where(possible, final.clamp(min=tiny).log(), 0.0)
        return -found.sum().to(emission.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (posterior,) = ctx.saved_tensors
        return -posterior * gradients[0], None, None, None, None
