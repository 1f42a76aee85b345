"""Coverage-guided fuzzing of the event decoder: ``cd tests && python -m fuzz.atheris_events CORPUS -runs=200000``.

It needs ``pip install atheris``; the arguments are libFuzzer's. A crash is written to a file, which repeats it when it
is given as the argument.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["streamproc.contracts", "fastavro"]):
    from support.fuzz_targets import Target, seeds


def main() -> None:
    """Fill an empty corpus with the seeds, then fuzz."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and not folders[0].is_file():
        folders[0].mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folders[0] / f"seed-{number}").write_bytes(seed)
    target = Target()
    atheris.Setup(sys.argv, lambda content: target.decode(content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
