"""Models under chaos: ``make chaos-models``, from ``tests/`` as ``python -m chaos.models``.

One live stream of activities; meanwhile models begin as shadow and canary, are promoted and rolled back, two canaries
are bad, strangers write, and workers and commands are killed with SIGKILL. The last line is JSON; the exit code is 0
only if every activity has exactly one result, each result names the model that its confidences tell of, and every
model made those that it should.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from support.feeding import LiveFeed
from support.machine import whereabouts
from support.models_rig import SHADE, ModelsRig
from support.result_judge import ResultJudge
from support.strange_events import Stranger

from chaos.models.play import WORKERS, Play
from streamproc.localstack.stack import Addresses, LocalStack

RATE = 6.0
"""Activities a second: two cores score them beside a Triton, and some twice."""
MOST = 3_600


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run it all. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="chaos.models", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave logs in this folder")
    parser.add_argument("--save", type=Path, help="write the report here too, with the machine that it comes from")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="chaos-models-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        stack = LocalStack(Path(name, "stack"), tie=True, report=say)
        try:
            addresses = stack.up(("kafka", "registry"))
            with ModelsRig.opened(addresses, folder, WORKERS) as rig:
                report = _play(rig, addresses, options.seed)
        finally:
            stack.down()
    if options.save is not None:
        options.save.write_text(
            json.dumps({**report, **whereabouts(load, "streamproc", "tritonclient", "grpcio")}, indent=1) + "\n"
        )
    print(json.dumps(report), flush=True)
    return int(not report["ok"])


def _play(rig: ModelsRig, addresses: Addresses, seed: int) -> dict[str, Any]:
    outcomes, aborted = ResultJudge(rig.topics), ResultJudge(rig.topics, isolation="read_uncommitted")
    stranger = Stranger(addresses.kafka_bootstrap, addresses.registry_url, rig.topics.control)
    with LiveFeed(rig.topics.bootstrap, rig.topics.activities, range(MOST), RATE, rig.record) as feed:
        play = Play(rig, outcomes, feed, stranger, say, seed)
        outcomes.read(3.0)
        play.run()
    published = feed.fed
    deadline = time.monotonic() + 90
    while not outcomes.seen.keys() >= set(range(published)) and time.monotonic() < deadline:
        outcomes.read(0.5)
    outcomes.read(3.0)  # One too many would come late.
    aborted.judge(())
    letters = sum(1 for _ in itertools.islice(rig.topics.read(rig.topics.letters, 1, seconds=3.0), 1))
    made = Counter(one.model.name for one in outcomes.results.values())
    misnamed = rig.misnamed(outcomes.results.values())
    report = {
        "seed": seed,
        "events": published,
        "lost": published - len(outcomes.seen),
        "duplicated": sum(count - 1 for count in outcomes.seen.values()),
        "dead_lettered": letters,
        "misnamed": len(misnamed),
        "of_the_shadow": made[SHADE],
        "of_the_shadow_in_transactions": sum(SHADE in (one.model.name, rig.maker(one)) for one in aborted.every),
        "written_in_transactions": len(aborted.every),
        "by_model": dict(made),
        "killed_workers": play.kills,
        "killed_commands": dict(play.killed_commands),
        "wrong": [*play.wrong, *misnamed[:5]],
        **play.figures,
    }
    zeros = ("lost", "duplicated", "dead_lettered", "misnamed", "of_the_shadow", "of_the_shadow_in_transactions")
    return {"ok": not report["wrong"] and not any(report[name] for name in zeros), **report}


if __name__ == "__main__":
    sys.exit(main())
