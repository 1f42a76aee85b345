"""Inference under faults: ``make chaos-inference``, from ``tests/`` as ``python -m chaos.inference``.

A line for each proof as it ends; the last line is JSON with a verdict for each, and what was lost, came twice or became
a dead letter in all of them together. The exit code is 0 only if all hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from support.machine import whereabouts

from chaos.inference import capacity, faults, models, papers
from chaos.inference.rig import Rig, Verdict
from streamproc.localstack.stack import LocalStack

GROUPS: dict[str, Callable[[Rig], Iterator[Verdict]]] = {
    "faults": faults.of_one_of_two,
    "certificates": papers.of_certificates,
    "models": models.of_pinned_models,
    "capacity": capacity.of_stand_ins,
    "local": capacity.of_the_local_stack,
}


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.inference", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; none: all of them")
    parser.add_argument("--keep", type=Path, help="leave logs in this folder")
    parser.add_argument("--save", type=Path, help="write the report here too, with the machine that it comes from")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    verdicts: list[Verdict] = []
    broken: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="chaos-inference-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            rig = Rig(stack.up(("kafka", "registry")), folder)
            for group in options.groups or GROUPS:
                began = time.monotonic()
                try:
                    for verdict in GROUPS[group](rig):
                        verdicts.append(verdict)
                        say(f"{'ok   ' if verdict.ok else 'WRONG'} {verdict.proof}: {json.dumps(verdict.row())}")
                except Exception as error:  # noqa: BLE001  the other groups' verdicts are still wanted
                    traceback.print_exc()
                    broken[group] = f"{type(error).__name__}: {error}".splitlines()[0]
                say(f"      {group} took {time.monotonic() - began:.0f} s")
        finally:
            stack.down()
    ok = not broken and all(verdict.ok for verdict in verdicts)
    report = {
        "ok": ok,
        "proofs": {verdict.proof: verdict.row() for verdict in verdicts},
        "broken": broken,
        "events": sum(verdict.events for verdict in verdicts),
        "lost": sum(verdict.lost for verdict in verdicts),
        "duplicated": sum(verdict.duplicated for verdict in verdicts),
        "dead_lettered": sum(verdict.dead_lettered for verdict in verdicts),
    }
    if options.save:
        options.save.write_text(
            json.dumps({**report, **whereabouts(load, "streamproc", "tritonclient", "grpcio")}, indent=1) + "\n"
        )
    print(json.dumps(report), flush=True)
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
