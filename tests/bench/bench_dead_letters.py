"""`streamproc dlq` on a million letters: ``python tests/bench/bench_dead_letters.py``, after load_dead_letters.py.

The topics are those of the environment's settings. Each command runs in a process of its own, as an operator runs it;
beside them a bare loop of confluent-kafka over the same topic, without and with headers. Prints a table and, as the
last line, one JSON object.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from streamproc import settings
from streamproc.kafka.reading import TopicReader

PAGES = 5


def main() -> None:
    """Measure."""
    tree = settings.load()
    kafka = tree.kafka
    rows: dict[str, dict[str, float]] = {}
    with TopicReader(tree) as reader:
        letters = sum((span.end or 0) - span.begin for span in reader.bounds(kafka.dead_letter_topic))

    def bare(look: Callable[[Message], object]) -> None:
        with TopicReader(tree) as reader:
            for batch in reader.read(kafka.dead_letter_topic, reader.bounds(kafka.dead_letter_topic)):
                for message in batch:
                    look(message)

    def look_at_nothing(message: Message) -> None:
        assert message.timestamp()[0] != TIMESTAMP_NOT_AVAILABLE

    rows["confluent-kafka, no headers"] = measured(lambda: bare(look_at_nothing), letters)
    rows["confluent-kafka, headers"] = measured(lambda: bare(lambda message: message.headers()), letters)
    pages = [measured(lambda: command("list", "--json"), 0)["seconds"] for _ in range(PAGES)]
    rows["list, a filter that nothing matches"] = measured(lambda: command("list", "--tenant", "nobody"), letters)
    rows["stats"] = measured(lambda: command("stats", "--json"), letters)
    rows["replay --dry-run"] = measured(lambda: command("replay", "--dry-run", "--json"), letters)
    for name, row in rows.items():
        print(f"{name:<40} {row['seconds']:8.1f} s {row['letters_s']:10,.0f}/s {row['cpu_letters_s']:10,.0f} per CPU s")
    print(f"{'first page, best of ' + str(PAGES):<40} {min(pages):8.2f} s")
    print(
        json.dumps(
            {
                "benchmark": "dead letters",
                "letters": letters,
                "first_page_seconds": sorted(round(page, 3) for page in pages),
                "rows": {name: {key: round(value, 1) for key, value in row.items()} for name, row in rows.items()},
                "machine": {"cpus": os.cpu_count(), "load": os.getloadavg(), "system": platform.platform()},
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("streamproc", "confluent-kafka")},
                },
            }
        )
    )


def command(*arguments: str) -> None:
    """Run ``streamproc dlq``."""
    subprocess.run([sys.executable, "-m", "streamproc", "dlq", *arguments], check=True, stdout=subprocess.DEVNULL)


def measured(work: Callable[[], None], letters: int) -> dict[str, float]:
    """Wall and CPU time of this process and its children."""
    began, cpu = time.monotonic(), cpu_seconds()
    work()
    seconds, cpu = time.monotonic() - began, cpu_seconds() - cpu
    return {"seconds": seconds, "letters_s": letters / seconds, "cpu_letters_s": letters / cpu}


def cpu_seconds() -> float:
    """CPU seconds so far."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
