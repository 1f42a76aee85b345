"""The metrics of inference endpoints and of the fallback, read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Observation, get_meter_provider

from streamproc.inference.breaker import Circuit
from streamproc.inference.endpoint import Ejected, Endpoint
from streamproc.telemetry.catalogue import named


def observe(
    endpoints: Iterable[Endpoint[Any]], fallback: Callable[[], bool], waiting: Callable[[], float] = lambda: 0.0
) -> None:
    """Show them from now on.

    Args:
        endpoints: those that there are, at each scrape.
        fallback: whether it scores.
        waiting: seconds of audio that wait for an endpoint.
    """
    meter = get_meter_provider().get_meter("streamproc")

    def usable(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(each.available), {"endpoint": each.address}) for each in endpoints]

    def breakers(_: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(int(each.breaker.state is state), {"endpoint": each.address, "state": state.value})
            for each in endpoints
            for state in Circuit
        ]

    def outstanding(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(each.outstanding, {"endpoint": each.address}) for each in endpoints]

    def limits(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(each.limiter.limit, {"endpoint": each.address}) for each in endpoints]

    def ejections(_: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(each.ejections[why], {"endpoint": each.address, "why": why.value})
            for each in endpoints
            for why in Ejected
        ]

    def refusals(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(each.refusals, {"endpoint": each.address}) for each in endpoints]

    def falls_back(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(fallback()))]

    def waits(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(waiting())]

    gauges = {
        "streamproc_inference_waiting": waits,
        "streamproc_endpoint_usable": usable,
        "streamproc_endpoint_breaker": breakers,
        "streamproc_endpoint_outstanding": outstanding,
        "streamproc_endpoint_limit": limits,
        "streamproc_fallback_active": falls_back,
    }
    for gauge, observed in gauges.items():
        name, unit, meaning = named(gauge)
        meter.create_observable_gauge(name, [observed], unit, meaning)
    counters = {"streamproc_endpoint_ejections": ejections, "streamproc_endpoint_refusals": refusals}
    for counter, observed in counters.items():
        name, unit, meaning = named(counter)
        meter.create_observable_counter(name, [observed], unit, meaning)
