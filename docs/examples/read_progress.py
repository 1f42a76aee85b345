"""Ask a worker how a learner gets on."""

from __future__ import annotations

import os

from streamproc.client import read_progress


def main() -> None:
    worker = os.environ.get("WORKER_URL", "http://127.0.0.1:6066")
    token = os.environ["STREAMPROC_PROGRESS__TOKEN"]
    progress = read_progress(worker, token, tenant_id="district-12", learner_id="learner-4711")
    if progress is None:
        print("no readings yet")
    else:
        print(progress.accuracy, progress.accuracy_trend, [word.text for word in progress.words_to_practise])


if __name__ == "__main__":
    main()
