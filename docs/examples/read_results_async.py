"""Read results in an asynchronous service; end it from outside with close()."""

from __future__ import annotations

import asyncio
import os
import sys

from streamproc.client import Connection, ResultSubscriber


async def main(count: int) -> None:
    """Handle ``count`` results; each one is done when the loop asks for the next."""
    connection = Connection(
        bootstrap_servers=os.environ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"],
        registry_url=os.environ["STREAMPROC_REGISTRY__URL"],
    )
    topic = os.environ.get("STREAMPROC_KAFKA__RESULT_TOPIC", "reading.result.v1")
    subscriber = ResultSubscriber(connection, group_id="examples-read-results-async", topic=topic)
    seen = 0
    async for result in subscriber:
        seen += 1
        print(f"{result.activity_id} {result.words_correct_per_minute} words correct per minute")
        if seen == count:
            subscriber.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
