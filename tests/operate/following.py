"""The commands of a runbook, run as somebody on call would: placeholders are filled with what the others have shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from support.worker_process import environment, streamproc

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
SECONDS = 60
LEFT_OUT = ("streamproc worker", "--watch", "once the cause is mended")
"""What goes on until somebody ends it, and what only comes after."""


def commands(page: str) -> list[str]:
    """The lines of a page's commands, without what is said of them; those that end by themselves and are for now."""
    blocks = re.findall(r"```sh\n(.*?)```", (RUNBOOKS / f"{page}.md").read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line]
    return [re.sub(r"\s+#.*", "", line) for line in lines if not any(words in line for words in LEFT_OUT)]


class Follower:
    """Runs them with a worker's settings.

    Args:
        settings: as the environment of the service has them.
        folder: where files of theirs come to lie.
        places: placeholder -> what it stands for; PARTITION:OFFSET and FINGERPRINT are looked up.
    """

    def __init__(self, settings: Mapping[str, str], folder: Path, places: Mapping[str, str]) -> None:
        self._environment = {**environment(settings), "PATH": _with_streamproc()}
        self._folder = folder
        self._places = places

    def follow(self, page: str) -> Iterator[tuple[str, int]]:
        """Each command and its exit code.

        Raises:
            AssertionError: one is refused (2), is not there (127), or takes too long.
        """
        for line in commands(page):
            filled = self._filled(line)
            if filled is None:
                continue
            done = subprocess.run(
                ["bash", "-c", filled],
                env=self._environment,
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode in (0, 1), f"{page}: {filled}: exit code {done.returncode}\n{done.stderr[-2000:]}"
            assert "Traceback" not in done.stderr, f"{page}: {filled}\n{done.stderr[-2000:]}"
            yield filled, done.returncode

    def _filled(self, line: str) -> str | None:
        """The line without placeholders; None where there is no letter to look at."""
        if "PARTITION:OFFSET" in line or "FINGERPRINT" in line:
            listed = subprocess.run(
                streamproc("dlq", "list", "--limit", "1", "--json"),
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
            letters = json.loads(listed.stdout)["letters"]
            if not letters:
                return None
            line = line.replace("PARTITION:OFFSET", letters[0]["position"])
            line = line.replace("FINGERPRINT", letters[0]["error"]["fingerprint"])
        for placeholder, meant in self._places.items():
            line = line.replace(placeholder, meant)
        return line


def _with_streamproc() -> str:
    """A PATH on which the tools of this environment come first."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"
