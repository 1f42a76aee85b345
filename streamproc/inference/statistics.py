"""What a Triton tells of its own load: how long requests have waited in its queue and been computed."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import grpc
from tritonclient.utils import InferenceServerException

EVERY_S = 1.0
"""Seconds between two readings: each is one small call, and one step of the limit."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the server's start, of all versions that were asked for."""

    requests: int = 0
    """Answered, whoever sent them."""
    executions: int = 0
    """Runs of the model, each of one batch of them."""
    queue_ns: int = 0
    """Summed over the requests …"""
    compute_ns: int = 0
    """… as is this: the whole run counts for each request in it, and so do its inputs and outputs."""


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """Means over the requests between two readings."""

    queue_s: float
    compute_s: float
    batch: float
    """Requests in one run."""


NOTHING_NEW = ServerLoad(0.0, 0.0, 1.0)
"""What there is to say where no request was answered."""


class ServerStatistics:
    """Turns totals into what happened between two of them."""

    def __init__(self) -> None:
        self._last: Totals | None = None

    def since_last(self, totals: Totals) -> ServerLoad | None:
        """The load since the totals before; None the first time, where nothing was answered, or after a restart."""
        last, self._last = self._last, totals
        if last is None:
            return None
        requests, executions, queue_ns, compute_ns = (
            now - before for now, before in zip(astuple(totals), astuple(last), strict=True)
        )
        # A server that has started again counts from 0, and a version that is unloaded takes its counts with it.
        if requests <= 0 or min(executions, queue_ns, compute_ns) < 0:
            return None
        return ServerLoad(
            queue_ns / requests / 1e9, compute_ns / requests / 1e9, requests / executions if executions else 1.0
        )


def totals_of(answer: Any) -> Totals | None:
    """From the answer to ModelStatistics (``tritonclient.grpc.service_pb2.ModelStatisticsResponse``).

    None where it tells nothing.
    """
    models = answer.model_stats
    if not models:
        return None
    stats = [model.inference_stats for model in models]
    return Totals(
        requests=sum(each.success.count for each in stats),
        executions=sum(model.execution_count for model in models),
        queue_ns=sum(each.queue.ns for each in stats),
        compute_ns=sum(each.compute_input.ns + each.compute_infer.ns + each.compute_output.ns for each in stats),
    )


async def read_load(
    client: Any, model: str, version: str, statistics: ServerStatistics, within: float
) -> ServerLoad | None:
    """Ask a server for the load since the last time.

    Args:
        client: ``tritonclient.grpc.aio.InferenceServerClient``.
        model, version: what is asked about; "" for all versions that are served.
        statistics: of this server.
        within: seconds.

    Returns:
        NOTHING_NEW where it tells, but has answered nothing since; None where it does not tell, for whatever reason: no
        statistics are no failure.
    """
    try:
        answer = await client.get_inference_statistics(model, version, client_timeout=within)
    except (InferenceServerException, grpc.RpcError):
        return None
    totals = totals_of(answer)
    return None if totals is None else statistics.since_last(totals) or NOTHING_NEW
