"""Run Faust's own suites against ``rdkafka://`` on a Kafka of this run's own, and compare with what is expected.

    python -m faust_suites.run --python PYTHON [--faust CHECKOUT] [--save FILE]

PYTHON has what requirements/faust-suites.txt lists, and this project. Prints a table, and one JSON object as the last
line. Exit code 0: all as expected; 1: something is not, and the output says what.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from faust_suites import functional, sources, stress
from streamproc.localstack.kafka import KafkaPart

ROOT = Path(__file__).resolve().parents[2]
#: The same pauses in every run.
SEED = 1


def main() -> int:
    """Run both suites."""
    parser = argparse.ArgumentParser(description="Run Faust's functional and stress tests against rdkafka://.")
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the environment for Faust's tests")
    parser.add_argument("--faust", type=Path, help="a checkout of Faust; otherwise its release is fetched, by hash")
    parser.add_argument("--save", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    # Not resolved: an environment's interpreter is a link that must be called by its own name.
    python = options.python.absolute()
    try:
        place = sources.checkout(ROOT / ".local" / "faust-suites", options.faust)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        kafka = KafkaPart(Path(folder))
        kafka.start()
        try:
            return suites(place, python, kafka.address, options.save)
        finally:
            kafka.kill()


def suites(place: Path, python: Path, bootstrap: str, save: Path | None) -> int:
    """Run them, and tell."""
    print("functional tests …", flush=True)
    result = functional.run(place, python, bootstrap, place / "functional.log")
    print(
        f"  {result.passed} passed, {result.expected_failures} differ as expected (expected.toml), "
        f"{result.skipped} skipped",
        *result.problems,
        sep="\n  ",
        flush=True,
    )
    stress.Broker(bootstrap).create(f_stress_withdrawals=stress.PARTITIONS, f_systemcheck=1, f_errors=1)
    verdicts = []
    for scenario in (stress.simple, stress.forwarder, stress.tables):
        print(f"stress: {scenario.__name__} …", flush=True)
        verdict = scenario(place, python, bootstrap, SEED)
        verdicts.append(verdict)
        print(f"  {verdict.events} events, signals to all {stress.WORKERS} workers: {verdict.signals}")
        print(f"  {verdict.wrong}; Faust's checks: {verdict.checks} {verdict.reported or ''}", flush=True)
    good = not result.problems and not any(any(verdict.wrong.values()) for verdict in verdicts)
    figures = {
        "functional": asdict(result),
        "stress": [asdict(verdict) for verdict in verdicts],
        "as_expected": good,
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "versions": {name: importlib.metadata.version(name) for name in ("faust-streaming", "confluent-kafka")},
    }
    if save is not None:
        save.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
