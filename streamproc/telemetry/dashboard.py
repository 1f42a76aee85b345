"""Grafana's dashboard as JSON: ``python -m streamproc.telemetry.dashboard`` writes it. Needs streamproc[dashboards]."""

from __future__ import annotations

import argparse
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from streamproc.telemetry.panels import Panel, rows

FILE = Path("deploy/grafana/streamproc.json")
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT = 8, 8  # a third of Grafana's 24 columns


def made() -> str:
    """The dashboard's JSON."""
    built = (
        dashboard.Dashboard("streamproc")
        .uid("streamproc")
        .description("Are children's readings scored, and if not, why not? Alerts link to docs/runbooks.")
        .tags(["streamproc"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    number = 1
    for title, panels in rows().items():
        built = built.with_row(dashboard.Row(title).id(number))
        number += 1
        for panel in panels:
            built = built.with_panel(_panel(panel).id(number))
            number += 1
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(built.build())
    return text + "\n"


def _panel(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    drawn = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.tells)
        .unit(panel.unit)
        .datasource(_SOURCE)
        .span(_WIDTH)
        .height(_HEIGHT)
        .legend(legend.placement(LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for letter, (query, name) in zip("ABCDEFGH", panel.queries.items(), strict=False):
        drawn = drawn.with_target(prometheus.Dataquery().expr(query).legend_format(name).ref_id(letter))
    return drawn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write Grafana's dashboard.")
    parser.add_argument("file", nargs="?", type=Path, default=FILE, help="[default: %(default)s]")
    target: Path = parser.parse_args().file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(made(), "utf-8")
    print(target)
