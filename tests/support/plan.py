"""What a worker process does, and topics of its own to do it on."""

from __future__ import annotations

import asyncio
import json
import os
import random
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from support.waiting import wait_for

VARIABLE = "CHAOS_WORKER"


@dataclass(frozen=True)
class Plan:
    """What a worker does."""

    bootstrap: str
    group: str
    source: str
    sink: str
    #: Where it keeps its files; ``hold`` in it: stop for ever before the next commit, see HoldingProducer.
    folder: str
    settings: dict[str, Any] = field(default_factory=dict)
    guarantee: str = "exactly_once"
    concurrency: int = 64
    #: Whether a plain agent works in tasks of its own, ``concurrency`` at most, and acknowledges events by itself.
    noack: bool = False
    #: Seconds of asynchronous work for an event, at most.
    work: float = 0.05
    #: Seconds of work for every event; None: random, up to ``work``.
    exact_work: float | None = None
    #: Whether each invocation is written to the file ``calls``.
    log_calls: bool = True
    #: Seconds of work for particular values.
    slow: dict[str, float] = field(default_factory=dict)
    #: Values whose outcome is 2 MB, more than a broker takes.
    large: list[str] = field(default_factory=list)
    #: Values on which the agent raises after it has sent its outcome.
    poison: list[str] = field(default_factory=list)
    #: Where letters of refused outcomes go; empty: the worker stops.
    letters: str = ""
    #: Of an app with tables: where they are kept, and how many partitions they have.
    store: str = "memory://"
    partitions: int = 6

    def environment(self) -> dict[str, str]:
        """How a worker is told."""
        tests = str(Path(__file__).parent.parent)
        return {**os.environ, "PYTHONPATH": tests, VARIABLE: json.dumps(asdict(self))}

    async def pause(self) -> None:
        """Some of an event's asynchronous work: random, up to ``work``."""
        if self.work:
            await asyncio.sleep(random.uniform(0, self.work))


def new_plan(
    bootstrap: str,
    name: str,
    settings: dict[str, Any] | None = None,
    *,
    partitions: int = 6,
    replication: int = 1,
    **changes: Any,
) -> Plan:
    """A plan with topics and a group of its own; the topics are made."""
    unique = f"{name}-{uuid.uuid4().hex[:8]}"
    plan = Plan(
        bootstrap=bootstrap,
        group=unique,
        source=f"{unique}-in",
        sink=f"{unique}-out",
        folder="",
        settings={"commit_interval": 0.05, **(settings or {})},
        partitions=partitions,
        **changes,
    )
    create_topics(bootstrap, plan.source, plan.sink, partitions=partitions, replication=replication)
    return plan


def create_topics(
    bootstrap: str,
    *names: str,
    partitions: int = 6,
    replication: int = 1,
    config: dict[str, str] | None = None,
) -> None:
    """Make topics and wait until they are there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(name, partitions, replication, config=config or {}) for name in names]
    for future in admin.create_topics(topics).values():
        future.result(30)
    wait_for(lambda: set(names) <= set(admin.list_topics(timeout=10).topics), "the topics", 30)
