"""``python -m streamproc.training.fit FOLDER RUN``: train the causal network on what `streamproc.training.data` made.

One thread; each step's batch depends on the seed and the step alone, and everything else is in the checkpoint, so a
training that was stopped goes on where it was, with the same call. The rate stays level until the last tenth of the
steps, so that more can be asked for before it falls; a running mean of the weights is what is judged and exported.
"""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from streamproc.scoring.phonemes import BLANK
from streamproc.training import lattice
from streamproc.training.causal import LiveNetwork
from streamproc.training.labels import Sound
from streamproc.training.mixture import Fewer, MixedBatch, Mixture
from streamproc.training.train import has_bf16, hide_parts

BATCH = 24
RATE = 1.5e-3
_WARM_UP = 150
_FALLS = 0.1
_MEAN_OVER = 1000
"""Steps that the running mean of the weights spans."""

START = Path(__file__).parents[2] / "models/start.safetensors"
"""A network that has heard espeak-ng alone (`python -m streamproc.training`): it knows what a phoneme is."""


@dataclass
class Training:
    """All that changes: a checkpoint holds it."""

    network: LiveNetwork
    mean: LiveNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds_heard: float = 0.0
    seconds_taken: float = 0.0

    def save(self, file: Path) -> None:
        """Write the checkpoint; at no moment is there half of one."""
        part = file.with_suffix(".part")
        torch.save(
            {
                "network": self.network.state_dict(), "mean": self.mean.state_dict(),
                "optimiser": self.optimiser.state_dict(), "random": torch.get_rng_state(), "step": self.step,
                "heard": self.seconds_heard, "taken": self.seconds_taken,
            },
            part,
        )  # fmt: skip
        part.replace(file)

    def load(self, file: Path) -> None:
        """Go on from a checkpoint."""
        kept: dict[str, Any] = torch.load(file, weights_only=True)
        self.network.load_state_dict(kept["network"])
        self.mean.load_state_dict(kept["mean"])
        self.optimiser.load_state_dict(kept["optimiser"])
        torch.set_rng_state(kept["random"])
        self.step, self.seconds_heard, self.seconds_taken = kept["step"], kept["heard"], kept["taken"]


def begin(seed: int, mixture: Mixture, start: Path | None) -> Training:
    """A training before its first step. ``start``: weights to begin with, of this network or of the one before it."""
    torch.manual_seed(seed)
    network = LiveNetwork()
    if start is not None:
        _warm(network, load_file(start))
    _centre(network, mixture)
    mean = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.98))
    return Training(network, mean, optimiser)


def _warm(network: LiveNetwork, weights: dict[str, Tensor]) -> None:
    """Taps that look further ahead than a block may are dropped, the others keep their place in time."""
    for number, block in enumerate(network.blocks):
        late = 2 - block.ahead // block.conv.dilation[0]
        name = f"blocks.{number}.conv.weight"
        if late and "features.centre" not in weights:
            weights[name] = nn.functional.pad(weights[name][:, :, : 5 - late], (late, 0))
    missing, unknown = network.load_state_dict(weights, strict=False)
    if unknown or set(missing) - {"features.centre", "features.scale"}:
        raise click.UsageError("--start: not weights of this network")


def _centre(network: LiveNetwork, mixture: Mixture) -> None:
    """Set the features' centre and scale to those of the first batches."""
    network.features.centre.zero_()
    network.features.scale.fill_(1.0)
    frames = []
    for number in range(8):
        batch = mixture.batch(number)
        with torch.no_grad():
            features, count = network.features(torch.from_numpy(batch.audio), torch.from_numpy(batch.lengths))
        frames += [clip[:, :size] for clip, size in zip(features, count.tolist(), strict=True)]
    values = torch.cat(frames, 1)
    network.features.centre.copy_(values.mean(1, keepdim=True))
    network.features.scale.copy_(values.std(1, keepdim=True))


def learn(training: Training, batch: MixedBatch, steps: int, *, bf16: bool) -> float:
    """One step of ``steps``; the loss a sound."""
    training.step += 1
    rising, falling = training.step / _WARM_UP, (steps - training.step + 1) / (_FALLS * steps)
    for group in training.optimiser.param_groups:
        group["lr"] = RATE * min(1.0, rising, max(falling, 0.0))
    network = training.network.train()
    with torch.no_grad():
        features, count = network.features(torch.from_numpy(batch.audio), torch.from_numpy(batch.lengths))
        hide_parts(features)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits, frames = network.core(features, count)
    sounds = sum(map(len, batch.said))
    loss = ctc(logits.float().log_softmax(2), frames, batch.said) / max(sounds, 1)
    training.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    training.optimiser.step()
    keep = 1 - 1 / min(_MEAN_OVER, 1 + training.step / 10)
    with torch.no_grad():
        for mean, now in zip(training.mean.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
    training.seconds_heard += float(batch.lengths.sum()) / 16_000
    return float(loss.detach())


def ctc(log_probs: Tensor, frames: Tensor, said: list[list[Sound]]) -> Tensor:
    """CTC loss, summed over the batch: torch's own for clips whose every sound is known, else `lattice.loss`."""
    open_ = [row for row, sounds in enumerate(said) if any(sound.other or sound.optional for sound in sounds)]
    known = [row for row in range(len(said)) if row not in set(open_)]
    loss = log_probs.new_zeros(())
    if known:
        codes = torch.tensor([sound.code for row in known for sound in said[row]], dtype=torch.long)
        counts = torch.tensor([len(said[row]) for row in known])
        loss = loss + nn.functional.ctc_loss(
            log_probs[known].transpose(0, 1), codes, frames[known], counts, blank=BLANK, reduction="sum",
            zero_infinity=True,
        )  # fmt: skip
    if open_:
        loss = loss + lattice.loss(log_probs[open_], frames[open_], [said[row] for row in open_])
    return loss


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True, help="Of batches and first weights.")
@click.option(
    "--steps", type=click.IntRange(20), default=11_400, show_default=True, help="Batches of 24 clips to learn."
)
@click.option(
    "--start", type=click.Path(dir_okay=False, exists=True, path_type=Path), default=START,
    show_default="models/start.safetensors", help="Weights to begin with.",
)  # fmt: skip
@click.option("--speakers", type=click.IntRange(1), default=1, show_default=True, help="Hear every n-th one.")
@click.option("--readings", type=click.IntRange(1), default=1, show_default=True, help="Hear every n-th of each one.")
def main(folder: Path, run: Path, seed: int, steps: int, start: Path, speakers: int, readings: int) -> None:
    """Train on the packs in FOLDER; RUN holds the checkpoint, the log and the weights, and goes on where it stopped."""
    console = Console(stderr=True)
    torch.set_num_threads(1)
    run.mkdir(parents=True, exist_ok=True)
    mixture = Mixture(folder, seed, BATCH, Fewer(speakers, readings))
    training = begin(seed, mixture, start)
    checkpoint = run / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
        console.print(f"going on after step {training.step}")
    bf16 = has_bf16()
    console.print(f"{'bf16' if bf16 else 'fp32'}, {steps - training.step} steps to go")
    smooth, began, first, before = 0.0, time.monotonic(), training.step, training.seconds_taken
    while training.step < steps:
        loss = learn(training, mixture.batch(training.step), steps, bf16=bf16)
        smooth = loss if not smooth else 0.98 * smooth + 0.02 * loss
        taken = time.monotonic() - began
        training.seconds_taken = before + taken
        if training.step % 50 == 0:
            each = taken / (training.step - first)
            left = (steps - training.step) * each / 60
            console.print(f"step {training.step}/{steps} loss {smooth:.3f} {each:.2f} s a step, {left:.0f} min to go")
            line = {"step": training.step, "loss": round(smooth, 4), "seconds": round(training.seconds_taken)}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if training.step % 200 == 0 or training.step == steps:
            training.save(checkpoint)
            save_file(training.mean.state_dict(), run / "model.safetensors")


if __name__ == "__main__":
    main()
