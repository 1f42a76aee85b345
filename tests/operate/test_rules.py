"""Every alert fires when it must and is silent when it must be: promtool evaluates the files that are committed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from operate.alert_cases import CASES, Case
from streamproc.telemetry.alerting.rules import all_alerts

RULES = Path(__file__).parents[2] / "deploy/prometheus"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=110, check=False)


def test_prometheus_takes_the_files() -> None:
    checked = promtool("check", "rules", RULES / "alerts.yaml", RULES / "recording.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.why}")
def test_an_alert_fires_or_is_silent(case: Case, tmp_path: Path) -> None:
    firing = f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"}})'
    written = tmp_path / "test.yaml"  # JSON is YAML.
    written.write_text(
        json.dumps(
            {
                "rule_files": [str(RULES / "recording.yaml"), str(RULES / "alerts.yaml")],
                "evaluation_interval": f"{case.step}m",
                # Recorded series come before the alerts that read them.
                "group_eval_order": ["streamproc-objectives", "streamproc-budgets", "streamproc"],
                "tests": [
                    {
                        "interval": f"{case.step}m",
                        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                        "promql_expr_test": [
                            {
                                "expr": firing,
                                "eval_time": case.at,
                                "exp_samples": [{"labels": "{}", "value": 1}] if case.fires else [],
                            }
                        ],
                    }
                ],
            }
        )
    )
    tested = promtool("test", "rules", written)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    for fires in (True, False):
        assert {case.alert for case in CASES if case.fires is fires} == {alert.name for alert in all_alerts()}
