"""What is wrong when an objective is missed, or soon will be: each alert is one cause, and names its runbook."""

from __future__ import annotations

from collections.abc import Iterator

from streamproc.contracts.synthetic import TENANT
from streamproc.errors import NOT_FAILED
from streamproc.inference.tls import WARN_BEFORE
from streamproc.telemetry.alerting.alert import Alert, Scale
from streamproc.telemetry.catalogue import exposed
from streamproc.telemetry.metrics import FENCED

OLDEST_S = 60
"""An activity that waits longer has missed the objective of an outcome within a minute."""
DEAD_SHARE = 0.05
FEWEST_DEAD = 3


def alerts() -> Iterator[Alert]:
    """All of them, the gravest first."""
    yield Alert(
        name="StreamprocNoWorkers",
        severity="page",
        # A target that does not answer has no series: whatever finds the workers, none is there.
        expression=lambda _: f"absent({_PARTITIONS}) or sum({_PARTITIONS}) == 0",
        hold="2m",
        summary="No worker reads activities.",
        runbook="no-workers",
    )
    yield Alert(
        name="StreamprocOldestTooOld",
        severity="page",
        expression=lambda _: f"max by (topic) ({_OLDEST}) > {OLDEST_S}",
        hold="1m",
        summary="The oldest activity without an outcome has waited {{ $value | humanizeDuration }}.",
        runbook="oldest-too-old",
    )
    yield Alert(
        name="StreamprocNoProgress",
        severity="page",
        # A worker that has finished nothing yet has no such series: none is as good as 0.
        expression=lambda scale: (
            f"sum by (topic) ({_UNFINISHED}) > 0 unless sum by (topic) (rate({_EVENTS}[{scale('5m')}])) > 0"
        ),
        hold="5m",
        summary="{{ $value }} activities wait, and none gets an outcome.",
        runbook="no-progress",
    )
    yield Alert(
        name="StreamprocIntakePaused",
        severity="page",
        expression=lambda _: f'max by (reason) ({_PAUSED}{{reason!~"quarantine|stopping"}}) > 0',
        hold="5m",
        summary="A worker begins nothing new, because of {{ $labels.reason }}.",
        runbook="intake-paused",
    )
    yield Alert(
        name="StreamprocQuarantined",
        severity="page",
        expression=lambda _: f'max by (reason) ({_PAUSED}{{reason="quarantine"}}) > 0',
        hold="0s",
        summary="A worker has stopped reading: most of its last activities died of one cause.",
        runbook="quarantined",
    )
    yield Alert(
        name="StreamprocNoEndpoint",
        severity="page",
        expression=lambda _: (
            f"max by (job) ({exposed('streamproc_endpoint_usable')}) == 0 unless on (job) {_FALLBACK} == 1"
        ),
        hold="2m",
        summary="No inference endpoint can be used.",
        runbook="no-endpoint",
    )
    yield Alert(
        name="StreamprocSyntheticMissing",
        severity="page",
        expression=_synthetic_missing,
        hold="5m",
        summary="The synthetic activity of each minute gets no result.",
        runbook="synthetic-missing",
    )
    yield Alert(
        name="StreamprocBreakerOpen",
        severity="ticket",
        # It half opens while it tries, and closes for a moment: what it was lately is what it is.
        expression=lambda scale: f'max by (endpoint) (max_over_time({_BREAKER}{{state!="closed"}}[{scale("5m")}])) > 0',
        hold="5m",
        summary="The circuit breaker of {{ $labels.endpoint }} opens again and again.",
        runbook="breaker-open",
    )
    yield Alert(
        name="StreamprocFallback",
        severity="ticket",
        expression=lambda _: f"max by (job) ({_FALLBACK}) > 0",
        hold="10m",
        summary="Workers score on their own CPUs, for no inference endpoint can be used.",
        runbook="fallback",
    )
    yield Alert(
        name="StreamprocDeadLetters",
        severity="ticket",
        expression=_dead,
        hold="0s",
        summary="{{ $value | humanizePercentage }} of the activities of the last half hour became dead letters.",
        runbook="dead-letters",
    )
    yield Alert(
        name="StreamprocFenced",
        severity="ticket",
        expression=_fenced,
        hold="0s",
        summary="Kafka has fenced workers off {{ $value | humanize }} times within half an hour.",
        runbook="fenced",
    )
    yield Alert(
        name="StreamprocCanaryRolledBack",
        severity="ticket",
        expression=lambda scale: f"sum by (test) (increase({_ROLLBACKS}[{scale('30m')}])) > 0",
        hold="0s",
        summary="A canary was rolled back, by its {{ $labels.test }}.",
        runbook="canary-rolled-back",
    )
    yield Alert(
        name="StreamprocCertificateExpires",
        severity="ticket",
        expression=lambda _: f"min by (certificate, endpoint) ({_EXPIRY}) < {WARN_BEFORE.days}",
        hold="1h",
        summary="A {{ $labels.certificate }} certificate expires in {{ $value | humanize }} days.",
        runbook="certificate-expires",
    )


_PARTITIONS = exposed("streamproc_transport_partitions")
_OLDEST = exposed("streamproc_transport_oldest_age")
_UNFINISHED = exposed("streamproc_transport_unfinished")
_EVENTS = exposed("streamproc_transport_events")
_PAUSED = exposed("streamproc_intake_paused")
_FALLBACK = exposed("streamproc_fallback_active")
_SUCCESS = exposed("streamproc_activity_success")
_BREAKER = exposed("streamproc_endpoint_breaker")
_EXPIRY = exposed("streamproc_certificate_expiry")
_LETTERS = exposed("streamproc_dead_letters")
_RESULTS = exposed("streamproc_results")
_ROLLBACKS = exposed("streamproc_canary_rollbacks")
_TRANSACTIONS = exposed("streamproc_transport_transactions")


def _synthetic_missing(scale: Scale) -> str:
    # Where none was ever published nobody waits for one; a worker that was started anew has not counted any yet.
    known = f'sum(count_over_time({_SUCCESS}{{tenant="{TENANT}"}}[{scale("6h")}])) > 0'
    return f'{known} unless sum(increase({_SUCCESS}{{success="true",tenant="{TENANT}"}}[{scale("5m")}])) > 0'


def _dead(scale: Scale) -> str:
    codes = "|".join(sorted(code.name for code in NOT_FAILED))
    dead = f'sum(increase({_LETTERS}{{code!~"{codes}"}}[{scale("30m")}]))'
    results = f"sum(increase({_RESULTS}[{scale('30m')}]))"
    return f"{dead} / ({dead} + {results}) > {DEAD_SHARE:g} and {dead} >= {FEWEST_DEAD - 0.5:g}"


def _fenced(scale: Scale) -> str:
    # One is routine, after a worker was frozen or cut off for longer than its transaction may last.
    reasons = "|".join(FENCED)
    return f'sum(increase({_TRANSACTIONS}{{outcome="aborted",reason=~"{reasons}"}}[{scale("30m")}])) > 1.5'
