"""Why Kafka does not let a client in, in words that name the setting.

librdkafka goes on trying when a login or a certificate is refused: the call that waits for it merely times out, and
the reason is told to the error callback alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.transport.codes import LOGIN, PERMISSION, WAITED_IN_VAIN, concerns_certificate, shuts_out


@dataclass(frozen=True, slots=True)
class Names:
    """What the user calls the settings: where the brokers are, how to log in, how to encrypt, and all the rest."""

    servers: str
    login: str
    tls: str
    other: str


WORKER = Names(
    "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS, STREAMPROC_TRANSPORT__SECURITY_PROTOCOL",
    "STREAMPROC_TRANSPORT__SASL_USERNAME, __SASL_PASSWORD, __SASL_MECHANISM",
    "STREAMPROC_TRANSPORT__SECURITY_PROTOCOL, __CA_FILE, ssl.certificate.location in __LIBRDKAFKA",
    "STREAMPROC_TRANSPORT__CA_FILE, __SASL_MECHANISM, __SASL_USERNAME, __SASL_PASSWORD, __LIBRDKAFKA",
)
CLIENT = Names(
    "Connection.bootstrap_servers, security.protocol in Connection.kafka",
    "sasl.username, sasl.password and sasl.mechanism in Connection.kafka",
    "security.protocol, ssl.ca.location and ssl.certificate.location in Connection.kafka",
    "Connection.kafka",
)


class Refusals:
    """What the brokers have refused one client, whose ``error_cb`` is ``heard``; polling the client serves it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._heard: KafkaError | None = None

    @property
    def shut_out(self) -> bool:
        """Whether a login or a certificate was refused: waiting longer does not help."""
        return self._heard is not None and shuts_out(self._heard)

    def heard(self, error: KafkaError) -> None:
        """Take note of the reason for which a connection failed."""
        # That all brokers are down says less than why, and a refusal more than what follows from it.
        if not self._is_refused() and error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._heard = error

    def _is_refused(self) -> bool:
        return self._heard is not None and (shuts_out(self._heard) or self._heard.code() in PERMISSION)

    def failure(self, error: KafkaError, what: str) -> StreamprocError:
        """The error of a call, whose reason may have been heard before; ``what`` begins the message.

        Returns KAFKA_REFUSED for a login, certificate or permission, else KAFKA_UNAVAILABLE.
        """
        reason = error
        if self._heard is not None and (self._is_refused() or error.code() in WAITED_IN_VAIN):
            reason = self._heard
        code = reason.code()
        if code in LOGIN:
            return StreamprocError(ErrorCode.KAFKA_REFUSED, f"{what}: {reason.str()} ({self._names.login})")
        if concerns_certificate(reason):
            return StreamprocError(ErrorCode.KAFKA_REFUSED, f"{what}: {reason.str()} ({self._names.tls})")
        if code in PERMISSION:
            return StreamprocError(ErrorCode.KAFKA_REFUSED, f"{what}: {reason.str()}")
        return StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{what}: {reason.str()} ({self._names.servers})")


def misconfigured(error: KafkaError, names: Names) -> StreamprocError:
    """SETTINGS_INVALID: librdkafka makes no client from these settings."""
    return StreamprocError(ErrorCode.SETTINGS_INVALID, f"{error.str()} ({names.other})")
