"""A real Prometheus: it scrapes workers on this machine, evaluates rules, and is asked."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.worker_process import free_port

from streamproc.localstack.processes import tied_to_us

START_SECONDS = 30.0


class Prometheus:
    """Its data, configuration and log are in ``folder``.

    Args:
        folder: made if missing.
        targets: host:port of each worker, or names of files in Prometheus' form for them (``*.json``).
        interval: from one scrape to the next, such as 500ms.
        rules: rule files.
    """

    def __init__(self, folder: Path, targets: Sequence[str], interval: str, rules: Sequence[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        files = [target for target in targets if target.endswith(".json")]
        addresses = [target for target in targets if target not in files]
        job: dict[str, Any] = {"job_name": "streamproc", "scrape_timeout": interval}
        job["static_configs"] = [{"targets": addresses}]
        job["file_sd_configs"] = [{"files": files, "refresh_interval": "1s"}] if files else []
        (folder / "prometheus.yaml").write_text(  # JSON is YAML.
            json.dumps(
                {
                    "global": {"scrape_interval": interval, "evaluation_interval": interval},
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [job],
                }
            )
        )
        self._port = free_port()
        self.log = folder / "prometheus.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                tied_to_us(
                    [
                        shutil.which("prometheus") or "prometheus",
                        f"--config.file={folder / 'prometheus.yaml'}",
                        f"--storage.tsdb.path={folder / 'data'}",
                        f"--web.listen-address=127.0.0.1:{self._port}",
                    ]
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError(f"Prometheus does not come up:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self._port}"

    def _answers(self) -> bool:
        try:
            self._get("/-/ready")
        except OSError:
            return False
        return True

    def _get(self, path: str, **query: str) -> bytes:
        asked = f"{self.address}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(asked, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def over(self, query: str, since: float) -> dict[str, list[float]]:
        """A query's series from a time (seconds since 1970) to now, as a graph would have them; NaN is no value."""
        asked = {"query": query, "start": f"{since:.3f}", "end": f"{time.time():.3f}", "step": "1"}
        result = json.loads(self._get("/api/v1/query_range", **asked))["data"]["result"]
        series = {
            json.dumps(each["metric"], sort_keys=True): [
                number for _, text in each["values"] if not math.isnan(number := float(text))
            ]
            for each in result
        }
        return {labels: values for labels, values in series.items() if values}

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def end(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
