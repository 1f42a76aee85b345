"""The drill: each alert's cause on a local stack, until it fires; its runbook's commands; and until it is over.

Windows and waits of the rules are divided by SCALE, promises stay. The last line is JSON:
``{"alerts": {name: {"fired": …, "resolved": …}}}``. Run it by ``make drill``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from operate.acts import Act, Stage, acts
from operate.following import Follower
from operate.prometheus import Prometheus
from operate.scene import a_scene
from streamproc.localstack.stack import LocalStack
from streamproc.telemetry.alerting.alert import Scale
from streamproc.telemetry.alerting.rules import all_alerts, write

SCALE = 120
SCRAPE = "500ms"
FIRES_S = 120.0
RESOLVES_S = 300.0
"""The slow burn's short window is three minutes at this scale."""
_LOOK_S = 0.25


class Watch:
    """Which alerts have fired, and which of them do so now."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.fired: set[str] = set()
        self.firing: set[str] = set()
        self._thread.start()

    def _look(self) -> None:
        while not self._ends.wait(_LOOK_S):
            firing = self._prometheus.firing()
            for name in sorted(firing - self.firing):
                say(f"  {name} fires")
            for name in sorted(self.firing - firing):
                say(f"  {name} is over")
            self.fired |= firing
            self.firing = firing

    def fires(self, names: Collection[str]) -> set[str]:
        """Wait until all of them fire or have fired; those that have not."""
        deadline = time.monotonic() + FIRES_S
        while (missing := set(names) - self.fired) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return missing

    def over(self, names: Collection[str]) -> set[str]:
        """Wait until none of them fires; those that do."""
        deadline = time.monotonic() + RESOLVES_S
        while (still := set(names) & self.firing) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return still

    def end(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()


_BEGAN = time.monotonic()


def say(text: str) -> None:
    """A line of the drill's course, on standard error."""
    print(f"{time.monotonic() - _BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


def play(act: Act, watch: Watch, stage: Stage) -> None:
    """One act."""
    say(act.name)
    watch.over(act.alerts)
    watch.fired -= {*act.alerts, *act.later}  # what another act has raised beside its own proves nothing here
    act.provoke()
    if missing := watch.fires(act.alerts):
        say(f"  do not fire: {', '.join(sorted(missing))}")
    follow(act.alerts, stage)
    act.mend()
    if act.later:
        if missing := watch.fires(act.later):
            say(f"  do not fire: {', '.join(sorted(missing))}")
        follow(act.later, stage)


def follow(alerts: Iterable[str], stage: Stage) -> None:
    """Run the commands of these alerts' runbooks."""
    assert stage.worker is not None
    places = {
        "WORKER:6066": f"127.0.0.1:{stage.worker.port}",
        "openssl x509 -enddate -noout -in CERTIFICATE": (
            f"openssl x509 -enddate -noout -in {stage.scene.folder / 'client.pem'}"
        ),
    }
    settings = {**stage.scene.settings, "STREAMPROC_SYNTHETIC__TIMEOUT": "5"}
    follower = Follower(settings, stage.scene.folder, places)
    for page in dict.fromkeys(alert.runbook for alert in all_alerts() if alert.name in alerts):
        for command, code in follower.follow(page):
            say(f"  {page}: {command} ({code})")


def drill(folder: Path) -> dict[str, dict[str, bool]]:
    """Alert -> whether it fired in the act that provokes it, and was over at the end."""
    stack = LocalStack(folder / "stack", tie=True, report=say)
    try:
        addresses = stack.up(("kafka", "registry"))
        with a_scene(addresses.kafka_bootstrap, addresses.registry_url, folder / "scene") as scene:
            rules = write(folder / "rules", Scale(SCALE))
            targets = folder / "targets.json"
            stage = Stage(scene, targets)
            stage.start()
            prometheus = Prometheus(folder / "prometheus", [str(targets)], SCRAPE, rules)
            watch = Watch(prometheus)
            try:
                with stage.synthetic():
                    time.sleep(5)
                    for act in acts(stage):
                        play(act, watch, stage)
                    names = [alert.name for alert in all_alerts()]
                    watch.over(names)
                    return {
                        name: {"fired": name in watch.fired, "resolved": name in watch.fired - watch.firing}
                        for name in names
                    }
            finally:
                watch.end()
                stage.end()
                prometheus.end()
    finally:
        stack.down()


def main() -> None:
    """Run it; exit code 0 if each alert fired and was over."""
    parser = argparse.ArgumentParser(description=drill.__doc__)
    parser.add_argument("--folder", type=Path, help="keep logs and data here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drill-") as temporary:
        found = drill((given.folder or Path(temporary)).resolve())
    print(json.dumps({"alerts": found}))
    sys.exit(0 if all(all(one.values()) for one in found.values()) else 1)


if __name__ == "__main__":
    main()
