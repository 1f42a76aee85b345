"""The Faust app of a worker that follows a plan: raw records, and the plan's settings of the driver."""

from __future__ import annotations

from typing import Any, cast

import faust

from streamproc.transport import Transport, TransportSettings
from support.plan import Plan


def plan_app(plan: Plan, **options: Any) -> tuple[faust.App, Transport]:
    """The app, with further options of Faust's, and its driver."""
    app = faust.App(
        plan.group,
        broker=f"rdkafka://{plan.bootstrap}",
        processing_guarantee=plan.guarantee,
        topic_disable_leader=True,
        datadir=plan.folder,
        key_serializer="raw",
        value_serializer="raw",
        **options,
    )
    transport = cast(Transport, app.transport)
    transport.settings = TransportSettings(**plan.settings)
    return app, transport
