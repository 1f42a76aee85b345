"""Fuzzing of the audio loader: ``cd tests && python -m fuzz.atheris_audio CORPUS -runs=200000``; see atheris_events."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["streamproc.audio", "soundfile"]):
    from support.fuzz_targets import load_clip
from support.activities import clip


def main() -> None:
    """Fill an empty corpus with the seeds, then fuzz."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and not folders[0].is_file():
        folders[0].mkdir(parents=True, exist_ok=True)
        for container in ("WAV", "FLAC", "OGG"):
            (folders[0] / f"seed-{container}").write_bytes(clip(0.2, container=container))
    atheris.Setup(sys.argv, lambda content: load_clip(content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
