"""Read results with a plain loop, and print one line for each."""

from __future__ import annotations

import os
import sys
from itertools import islice

from streamproc.client import Connection, ResultSubscriber, Verdict


def main(count: int) -> None:
    """Print the next ``count`` results of this group."""
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__RESULT_TOPIC", "reading.result.v1")
    subscriber = ResultSubscriber(connection, group_id="examples-read-results", topic=topic)
    for result in islice(subscriber, count):
        wrong = [
            word.text
            for phrase in result.phrases
            for word in phrase.words
            if word.verdict in (Verdict.MISPRONOUNCED, Verdict.OMITTED)
        ]
        print(f"{result.activity_id} {result.status} accuracy {result.accuracy} to practise: {wrong}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
