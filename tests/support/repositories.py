"""Git repositories that hold noise where public ones hold recordings."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile


def repositories_of(rows: Sequence[Mapping[str, str]], folder: Path) -> list[str]:
    """Make one for each ``repository`` of ``rows``, with a second of stereo noise as each ``file``; returns the options
    ``--repository`` that name them."""
    options = []
    for name, ours in groupby(rows, key=lambda row: row["repository"]):
        work = folder / name
        for row in ours:
            file = work / row["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            noise = 0.1 * np.random.default_rng(1).standard_normal((22_050, 2))
            soundfile.write(file, noise, 22_050, format="MP3" if file.suffix == ".mp3" else None)
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "recordings"]):
            subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=work, check=True)
        options += ["--repository", f"{name}={work / '.git'}"]
    return options
