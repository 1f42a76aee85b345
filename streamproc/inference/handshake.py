"""What gRPC does not tell: why a server and this client do not come together, and until when its certificate is valid.

gRPC says "Socket closed" of a server that refuses the client's certificate, and shows nobody the server's. A TLS
handshake by Python's own ssl tells both; it costs a connection, so it is made now and then and not for each call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.tls import (
    ALLOW_PLAINTEXT,
    CA_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    Credentials,
    Lifetime,
    TlsFiles,
)

REFUSED_WITHIN_S = 1.0
"""A server of TLS 1.3 refuses a client's certificate after the handshake, by closing the connection."""

EXPIRED, NOT_YET_VALID, NAMES_DIFFER = 10, 9, {62, 64}
"""OpenSSL's numbers of what is wrong with a certificate (X509_V_ERR_…)."""


class UnreachableError(StreamprocError):
    """Nobody is there: that has nothing to do with certificates."""


_WORDS = {
    "Connection refused": "nothing listens there",
    "Domain name not found": "there is no host of this name",
    "certificate has expired": "the server's certificate has expired: renew it there",
    "CERTIFICATE_VERIFY_FAILED": f"the server's certificate is of no authority that is trusted ({CA_FILE})",
    "Hostname Verification": "the server's certificate is for another host",
    "WRONG_VERSION_NUMBER": f"the server speaks no TLS ({ALLOW_PLAINTEXT})",
}


async def examine(
    address: str, files: TlsFiles, credentials: Credentials, server_name: str = "", seconds: float = 5.0
) -> Lifetime:
    """Shake hands with a server that speaks TLS; the lifetime of its certificate.

    Args:
        address: host:port.
        files: where the certificates are: ssl reads those of a client itself.
        credentials: what they held.
        server_name: whom the certificate must name; empty: the host.
        seconds: for all of it.

    Raises:
        StreamprocError: INFERENCE_UNAVAILABLE, with the reason and the setting that leads to it; UnreachableError where
            there is nobody to shake hands with.
    """
    host, _, port = address.rpartition(":")
    name = server_name or host.strip("[]")
    writer: asyncio.StreamWriter | None = None
    try:
        context = await asyncio.to_thread(_context, files, credentials)
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), ssl=context, server_hostname=name
            )
            lifetime = _lifetime(writer.get_extra_info("peercert"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFUSED_WITHIN_S):
                    # A server that lets us in begins with its settings of HTTP/2.
                    if not await reader.read(1):
                        raise _refused(address, files)
            return lifetime
    except ssl.SSLCertVerificationError as error:
        raise unavailable(f"{address}: {_distrust(error, name, files)}") from None
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            raise _refused(address, files) from None
        if error.reason == "WRONG_VERSION_NUMBER":
            what = f"{address} speaks no TLS; {ALLOW_PLAINTEXT}=true lets clips be sent to it without"
            raise unavailable(what) from None
        raise _cut_off(address) from None
    except ConnectionRefusedError:
        raise UnreachableError(ErrorCode.INFERENCE_UNAVAILABLE, f"nothing listens at {address}") from None
    except (ConnectionResetError, EOFError):
        raise _cut_off(address) from None
    except (TimeoutError, OSError, UnicodeError) as error:  # the last one: the host is no name
        what = f"{address} cannot be reached: {str(error) or 'no answer'}"
        raise UnreachableError(ErrorCode.INFERENCE_UNAVAILABLE, what) from None
    finally:
        if writer is not None:
            writer.close()


async def speaks_tls(address: str, seconds: float = 5.0) -> bool:
    """Whether a server that was spoken to in plaintext speaks TLS."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Nothing is told to it, and nothing believed.
    context.set_alpn_protocols(["h2"])
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except (TimeoutError, OSError, UnicodeError):
        return False
    writer.close()
    return True


def distrust(details: str) -> str:
    """What gRPC's words for a connection that does not come about mean; empty where they are about something else."""
    for words, meaning in _WORDS.items():
        if words in details:
            return meaning
    return ""


def _context(files: TlsFiles, credentials: Credentials) -> ssl.SSLContext:
    # PEM is ASCII; what people write between the certificates need not be, and ssl takes nothing else.
    roots = credentials.roots.decode("ascii", "ignore") if credentials.roots else None
    context = ssl.create_default_context(cadata=roots)
    context.set_alpn_protocols(["h2"])
    if files.certificate is not None:
        # An empty password: a key that has become an encrypted one must not ask a terminal for it.
        context.load_cert_chain(files.certificate, files.key, password="")
    return context


def _lifetime(certificate: dict[str, str]) -> Lifetime:
    begins, ends = (
        datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate[moment]), UTC)
        for moment in ("notBefore", "notAfter")
    )
    return Lifetime(begins, ends)


def _distrust(error: ssl.SSLCertVerificationError, name: str, files: TlsFiles) -> str:
    if error.verify_code == EXPIRED:
        return "the server's certificate has expired: renew it there"
    if error.verify_code == NOT_YET_VALID:
        return "the server's certificate is not yet valid: see the clocks of both machines"
    if error.verify_code in NAMES_DIFFER:
        return f"the server's certificate is not for {name!r}: reach it by the name that it has"
    whom = str(files.ca) if files.ca else "the system trusts"
    return f"the server's certificate is of no authority in {whom} ({CA_FILE}): {error.verify_message}"


def _refused(address: str, files: TlsFiles) -> StreamprocError:
    if files.certificate is None:
        return unavailable(f"{address} asks for a client certificate ({CERTIFICATE_FILE}, {KEY_FILE})")
    return unavailable(f"{address} refuses the client certificate in {files.certificate} ({CERTIFICATE_FILE})")


def _cut_off(address: str) -> StreamprocError:
    """It may speak no TLS; or it was just killed."""
    what = f"{address} ends the connection during the TLS handshake ({CA_FILE}, {ALLOW_PLAINTEXT})"
    return UnreachableError(ErrorCode.INFERENCE_UNAVAILABLE, what)


def unavailable(message: str) -> StreamprocError:
    """The error of a server that cannot be spoken to."""
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, message)
