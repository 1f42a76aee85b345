"""What `streamproc doctor` sees around the worker without logging in anywhere: names, encryption, the clock.

Each function gives a state, what was found, and what to do; all block for seconds at most.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from streamproc.errors import StreamprocError
from streamproc.inference import tls as triton_tls
from streamproc.inference.tls import WARN_BEFORE, TlsFiles
from streamproc.settings import Settings, is_loopback
from streamproc.settings.servers import DNS

Found = tuple[Literal["ok", "warn", "fail"], str, str]

SKEW_WARN_S, SKEW_FAIL_S = 3.0, 30.0
"""A registry's Date has whole seconds; ages, tokens and certificates suffer from what is more."""


def _hosts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Setting and host of every server."""
    for server in settings.kafka.bootstrap_servers.split(","):
        yield "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", _host(server)
    yield "STREAMPROC_REGISTRY__URL", urlsplit(settings.registry.url).hostname or ""
    if settings.inference.engine == "triton":
        for server in settings.triton.servers:
            yield "STREAMPROC_TRITON__URLS", _host(server.removeprefix(DNS))
    collectors = {
        "STREAMPROC_TELEMETRY__OTLP_ENDPOINT": settings.telemetry.otlp_endpoint,
        "STREAMPROC_TRACING__ENDPOINT": settings.tracing.endpoint,
    }
    for setting, url in collectors.items():
        if url:
            yield setting, urlsplit(url).hostname or ""


def _host(server: str) -> str:
    return server.strip().rpartition(":")[0].strip("[]")


def names(settings: Settings) -> Found:
    """Whether every name has an address."""
    unknown = []
    hosts = dict.fromkeys(_hosts(settings))
    for setting, host in hosts:
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):
            unknown.append(f"{host} ({setting})")
    if unknown:
        return "fail", f"no address for {', '.join(unknown)}", "correct the setting, or this machine's name service"
    return "ok", f"{len(hosts)} names have addresses", ""


def tls(settings: Settings) -> Found:
    """Whether what is sent over a network is encrypted, and certificates are good for a while."""
    open_to = [*_plaintext(settings)]
    try:
        lifetimes = dict(_lifetimes(settings))
    except StreamprocError as error:
        return "fail", error.message, "give the right file, or renew the certificate"
    now = datetime.now(UTC)
    left = {setting: (ends - now).total_seconds() / 86_400 for setting, ends in lifetimes.items()}
    told = ", ".join(f"{setting} for {days:.0f} days" for setting, days in left.items())
    if any(days < 0 for days in left.values()):
        return "fail", f"valid: {told}", "renew the certificate"
    if open_to:
        return "warn", f"plaintext leaves this machine: {', '.join(open_to)}", "use TLS: docs/how-to/secure-kafka.md"
    if any(days < WARN_BEFORE.days for days in left.values()):
        return "warn", f"valid: {told}", "renew the certificate"
    return "ok", f"nothing leaves this machine in plaintext{f'; valid: {told}' if told else ''}", ""


def _plaintext(settings: Settings) -> Iterator[str]:
    away = [setting for setting, host in dict.fromkeys(_hosts(settings)) if not is_loopback(host)]
    if "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS" in away and not settings.transport.security_protocol.endswith("ssl"):
        yield "Kafka (STREAMPROC_TRANSPORT__SECURITY_PROTOCOL)"
    if "STREAMPROC_REGISTRY__URL" in away and settings.registry.url.startswith("http://"):
        yield "the registry (STREAMPROC_REGISTRY__URL)"
    if "STREAMPROC_TRITON__URLS" in away and settings.triton.allow_plaintext:
        yield "Triton (STREAMPROC_TRITON__ALLOW_PLAINTEXT)"


def _lifetimes(settings: Settings) -> Iterator[tuple[str, datetime]]:
    """When the certificates end that the settings name.

    Raises:
        StreamprocError: SETTINGS_INVALID.
    """
    triton = settings.triton
    if settings.inference.engine == "triton":
        files = TlsFiles(triton.ca_file, triton.certificate_file, triton.key_file)
        own = triton_tls.read(files).lifetime
        if own is not None:
            yield "STREAMPROC_TRITON__CERTIFICATE_FILE", own.ends
    trusted = {
        "STREAMPROC_TRITON__CA_FILE": triton.ca_file,
        "STREAMPROC_REGISTRY__CA_FILE": settings.registry.ca_file,
        "STREAMPROC_TRANSPORT__CA_FILE": settings.transport.ca_file,
        "ssl.certificate.location in STREAMPROC_TRANSPORT__LIBRDKAFKA": settings.transport.librdkafka.get(
            "ssl.certificate.location"
        ),
    }
    for setting, file in trusted.items():
        if file:
            yield setting, min(each.not_valid_after_utc for each in triton_tls.certificates(Path(str(file)), setting))


def clock(settings: Settings) -> Found:
    """Whether this machine's clock goes with the registry's, by the Date of its answers (RFC 9110, section 6.6.1)."""
    registry = settings.registry
    context = ssl.create_default_context(cafile=registry.ca_file) if registry.url.startswith("https") else None
    began = time.time()
    try:
        with urllib.request.urlopen(registry.url, timeout=registry.timeout, context=context) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as refusal:
        date = refusal.headers.get("Date")  # Whether it lets us in is another question.
    except (OSError, http.client.HTTPException):
        return "fail", "the registry, whose clock this one is compared with, does not answer", "see registry"
    if not date:
        return "warn", "the registry does not tell its time", "see that this machine's clock is kept by NTP"
    here = (began + time.time()) / 2
    # Its seconds are whole ones, cut off.
    skew = here - (parsedate_to_datetime(date).timestamp() + 0.5)
    told = f"this clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the registry's"
    if abs(skew) > SKEW_FAIL_S:
        return "fail", told, "have NTP keep both clocks: ages of activities and tokens are wrong"
    if abs(skew) > SKEW_WARN_S:
        return "warn", told, "have NTP keep both clocks: ages of activities are wrong by as much"
    return "ok", "this clock goes with the registry's, to a second or two", ""
