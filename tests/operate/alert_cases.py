"""For each alert: numbers, minute by minute, at which it must fire, and such at which it must not.

Series are in promtool's notation: ``0+1x60`` rises by 1 in each of 60 minutes, ``_x5`` is
absent for five.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamproc.telemetry.alerting.burning import BURNS
from streamproc.telemetry.catalogue import exposed
from streamproc.telemetry.objectives import Objective, objectives

Series = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """Series, the moment at which one looks, and whether the alert fires then; ``why`` it is so.

    step: minutes from one number to the next.
    """

    alert: str
    why: str
    series: Series
    at: str
    fires: bool
    step: int = 1


def _histogram(one: Objective, good: str, total: str) -> Series:
    labels = {"outcome": "COMPLETE", **one.labels}
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    name = exposed(one.metric)
    return {
        f'{name}_bucket{{{chosen},le="{float(one.within)}"}}': good,
        f"{name}_count{{{chosen}}}": total,
    }


STEPS = 60
"""A long window has so many steps."""


def _burns() -> list[Case]:
    """A hundred activities a step, of which just more, or just less, than the rate's share miss the objective."""
    cases = []
    for one in objectives():
        for burn in BURNS:
            name = f"Streamproc{one.name.title()}Burn{burn.name}"
            minutes = {"1h": 1, "6h": 6, "3d": 72}[burn.long]

            def case(why: str, good: str, total: str, fires: bool) -> Case:
                at = f"{STEPS * minutes}m"  # noqa: B023
                return Case(name, why, _histogram(one, good, total), at, fires, minutes)  # noqa: B023

            everything = f"0+10000x{STEPS}"
            for why, factor, fires in (("it burns faster", 1.2, True), ("it burns slower", 0.8, False)):
                good = 10_000 * (1 - min(1.0, burn.rate * one.budget * factor))
                cases.append(case(why, f"0+{good:g}x{STEPS}", everything, fires))
            bad = 10_000 * (1 - min(1.0, burn.rate * one.budget * 3))
            half = STEPS // 2
            over = f"0+{bad:g}x{half - 1} {half * bad:g}+10000x{half}"
            cases += [
                case("it is over", over, everything, False),
                case("nothing comes", f"0x{STEPS}", f"0x{STEPS}", False),
            ]
    # A synthetic activity a minute, and in the last five minutes one and then three that are late.
    for late, fires in ((1, False), (3, True)):
        in_time = f"0+1x56 {'57x3' if late == 3 else '57 58 59 59'}"
        series = _histogram(objectives()[0], in_time, "0+1x60")
        cases.append(Case("StreamprocOutcomeBurnFast", f"{late} of 60 are late", series, "60m", fires))
    return cases


_PARTITIONS = "streamproc_transport_partitions"
_EVENTS = 'streamproc_transport_events_total{topic="a"}'
_UNFINISHED = 'streamproc_transport_unfinished{topic="a",partition="0"}'
_OLDEST = 'streamproc_transport_oldest_age_seconds{topic="a",partition="0"}'
_SYNTHETIC = 'streamproc_activity_success_total{success="true",tenant="streamproc-synthetic"}'
_FENCED = 'streamproc_transport_transactions_total{outcome="aborted",reason="_FENCED"}'
_STALE = 'streamproc_transport_transactions_total{outcome="aborted",reason="ILLEGAL_GENERATION"}'
_TWICE = 'streamproc_dead_letters_total{code="DUPLICATE_ACTIVITY",stage="decode"}'
_LETTERS = 'streamproc_dead_letters_total{code="AUDIO_EMPTY",stage="audio"}'
_RESULTS = 'streamproc_results_total{status="COMPLETE"}'
_BREAKER = 'streamproc_endpoint_breaker{endpoint="t:8001",state="open"}'
_ROLLED_BACK = 'streamproc_canary_rollbacks_total{test="errors"}'
_CLIENT = 'streamproc_certificate_expiry_days{certificate="client",endpoint=""}'


def _paused(reason: str) -> str:
    return f'streamproc_intake_paused{{reason="{reason}"}}'


def _usable(endpoint: str) -> str:
    return f'streamproc_endpoint_usable{{job="streamproc",endpoint="{endpoint}"}}'


_FALLBACK = 'streamproc_fallback_active{job="streamproc"}'

CASES = (
    *_burns(),
    Case("StreamprocNoWorkers", "there is none", {_PARTITIONS: "_x10"}, "10m", True),
    Case("StreamprocNoWorkers", "none has a partition", {_PARTITIONS: "0x10"}, "10m", True),
    Case("StreamprocNoWorkers", "the last one ended", {_PARTITIONS: "4x5 stale _x5"}, "10m", True),
    Case("StreamprocNoWorkers", "there is one", {_PARTITIONS: "4x10"}, "10m", False),
    Case("StreamprocNoWorkers", "one restarts", {_PARTITIONS: "4x5 stale 4x5"}, "7m", False),
    Case("StreamprocOldestTooOld", "one waits", {_OLDEST: "0+60x10"}, "5m", True),
    Case("StreamprocOldestTooOld", "it is done in time", {_OLDEST: "0 59 0 59 0 59"}, "5m", False),
    Case("StreamprocNoProgress", "all wait", {_UNFINISHED: "5x20", _EVENTS: "7x20"}, "15m", True),
    Case("StreamprocNoProgress", "a new worker gets nothing done", {_UNFINISHED: "5x20"}, "15m", True),
    Case("StreamprocNoProgress", "they get on", {_UNFINISHED: "5x20", _EVENTS: "0+1x20"}, "15m", False),
    Case("StreamprocNoProgress", "nothing is there", {_UNFINISHED: "0x20", _EVENTS: "7x20"}, "15m", False),
    Case("StreamprocIntakePaused", "Triton is away", {_paused("INFERENCE_UNAVAILABLE"): "0 1x10"}, "8m", True),
    Case("StreamprocIntakePaused", "for a moment", {_paused("INFERENCE_UNAVAILABLE"): "0 1x3 0x10"}, "8m", False),
    Case("StreamprocIntakePaused", "a worker stops", {_paused("stopping"): "1x10"}, "8m", False),
    Case("StreamprocQuarantined", "it trips", {_paused("quarantine"): "0 0 1 1"}, "2m", True),
    Case("StreamprocQuarantined", "another reason", {_paused("REGISTRY_UNAVAILABLE"): "1x5"}, "4m", False),
    Case("StreamprocNoEndpoint", "both are out", {_usable("a"): "1 0x5", _usable("b"): "0x6"}, "5m", True),
    Case("StreamprocNoEndpoint", "one is in use", {_usable("a"): "1x6", _usable("b"): "0x6"}, "5m", False),
    Case("StreamprocNoEndpoint", "the CPU scores", {_usable("a"): "0x6", _FALLBACK: "1x6"}, "5m", False),
    Case("StreamprocSyntheticMissing", "none ends well", {_SYNTHETIC: "1x20"}, "12m", True),
    Case("StreamprocSyntheticMissing", "a new worker knows of none", {_SYNTHETIC: "0+1x3 stale"}, "20m", True),
    Case("StreamprocSyntheticMissing", "one a minute does", {_SYNTHETIC: "0+1x20"}, "12m", False),
    Case("StreamprocSyntheticMissing", "none was ever sent", {_RESULTS: "1x20"}, "12m", False),
    Case("StreamprocBreakerOpen", "it opens again and again", {_BREAKER: "0 1 0 0 1 0 0 1 0 0 1 0 0"}, "12m", True),
    Case("StreamprocBreakerOpen", "once", {_BREAKER: "0 0 0 1 0 0 0 0 0 0 0 0 0"}, "12m", False),
    Case("StreamprocFallback", "for long", {_FALLBACK: "1x15"}, "12m", True),
    Case("StreamprocFallback", "for a moment", {_FALLBACK: "1x5 0x10"}, "12m", False),
    Case("StreamprocDeadLetters", "one in ten", {_LETTERS: "0+1x30", _RESULTS: "0+9x30"}, "30m", True),
    Case("StreamprocDeadLetters", "one in a hundred", {_LETTERS: "0+1x30", _RESULTS: "0+99x30"}, "30m", False),
    Case("StreamprocDeadLetters", "a single one", {_LETTERS: "0x15 1x15", _RESULTS: "0x30"}, "30m", False),
    Case("StreamprocDeadLetters", "duplicates", {_TWICE: "0+9x30", _RESULTS: "0+9x30"}, "30m", False),
    Case("StreamprocFenced", "again and again", {_FENCED: "0 0 1 2 3 3 3"}, "6m", True),
    Case("StreamprocFenced", "once", {_FENCED: "0 0 1 1 1 1 1"}, "6m", False),
    Case("StreamprocFenced", "a rebalance", {_STALE: "0+3x6"}, "6m", False),
    Case("StreamprocCanaryRolledBack", "one", {_ROLLED_BACK: "0x5 1x20"}, "10m", True),
    Case("StreamprocCanaryRolledBack", "it is long ago", {_ROLLED_BACK: "0x5 1x60"}, "50m", False),
    Case("StreamprocCanaryRolledBack", "its worker starts again", {_ROLLED_BACK: "1x5 0x20"}, "10m", False),
    Case("StreamprocCertificateExpires", "next week", {_CLIENT: "7x70"}, "65m", True),
    Case("StreamprocCertificateExpires", "next month", {_CLIENT: "30x70"}, "65m", False),
)  # fmt: skip
