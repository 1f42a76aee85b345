"""The certificates for speaking to inference servers: read, and found to belong together, before they are used."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings.variables import variable

CA_FILE = variable("triton", "ca_file")
CERTIFICATE_FILE = variable("triton", "certificate_file")
KEY_FILE = variable("triton", "key_file")
ALLOW_PLAINTEXT = variable("triton", "allow_plaintext")

WARN_BEFORE = timedelta(days=14)
"""A certificate is said to expire so long before, but of a short-lived one only in the last fifth of its life: those
who renew by themselves do so at two thirds."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM: the authorities to trust (None: the system's), this client's certificate (its chain below it) and
    its key (None, both: it has none)."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def given(self) -> bool:
        """Whether TLS is asked for."""
        return self.ca is not None or self.certificate is not None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a certificate is valid."""

    begins: datetime
    ends: datetime

    def days_left(self, now: datetime) -> float:
        """Days until it expires; negative once it has."""
        return (self.ends - now) / timedelta(days=1)

    def ends_soon(self, now: datetime) -> bool:
        """Whether it is time to say so."""
        return self.ends - now < min(WARN_BEFORE, (self.ends - self.begins) / 5)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files held at one moment; equal ones are the same files."""

    roots: bytes | None
    certificate: bytes | None = None
    key: bytes | None = None
    lifetime: Lifetime | None = None
    """Of the client's certificate."""

    def for_channel(self) -> grpc.ChannelCredentials:
        """As gRPC takes them."""
        return grpc.ssl_channel_credentials(self.roots, self.key, self.certificate)


def read(files: TlsFiles) -> Credentials:
    """Read the files. Blocks: for a thread.

    Raises:
        StreamprocError: SETTINGS_INVALID, naming the setting: a file cannot be read, is not what it should be, has
            expired, or the key is another certificate's.
    """
    roots = _system_roots()
    if files.ca is not None:
        roots = _content(files.ca, CA_FILE)
        _certificates(roots, files.ca, CA_FILE)
    if files.certificate is None and files.key is None:
        return Credentials(roots)
    if files.certificate is None or files.key is None:
        missing, there = (CERTIFICATE_FILE, KEY_FILE) if files.certificate is None else (KEY_FILE, CERTIFICATE_FILE)
        raise _wrong(missing, f"is missing: {there} is of no use without it")
    chain, key_text = _content(files.certificate, CERTIFICATE_FILE), _content(files.key, KEY_FILE)
    certificate = _certificates(chain, files.certificate, CERTIFICATE_FILE)[0]
    key = _key(key_text, files.key)
    try:
        belongs = _spki(certificate.public_key()) == _spki(key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        what = f"the certificate in {files.certificate} has a key of a kind that is not supported"
        raise _wrong(CERTIFICATE_FILE, what) from None
    if not belongs:
        raise _wrong(KEY_FILE, f"{files.key} is not the key of the certificate in {files.certificate}")
    lifetime = Lifetime(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    now = datetime.now(UTC)
    if lifetime.ends < now:
        raise _wrong(
            CERTIFICATE_FILE, f"the certificate in {files.certificate} has expired on {lifetime.ends:%F %R} UTC"
        )
    if lifetime.begins > now:
        raise _wrong(
            CERTIFICATE_FILE, f"the certificate in {files.certificate} is valid from {lifetime.begins:%F %R} UTC only"
        )
    return Credentials(roots, chain, key_text, lifetime)


def certificates(file: Path, setting: str) -> list[x509.Certificate]:
    """The certificates of a file that a setting names.

    Raises:
        StreamprocError: SETTINGS_INVALID.
    """
    return _certificates(_content(file, setting), file, setting)


def _content(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _wrong(setting, f"{file} cannot be read: {error.strerror}") from None


def _certificates(content: bytes, file: Path, setting: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        found = []
    if not found:
        raise _wrong(setting, f"{file} holds no certificate in PEM")
    return found


def _key(content: bytes, file: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise _wrong(KEY_FILE, f"{file} is encrypted with a passphrase: give the key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(KEY_FILE, f"{file} holds no private key in PEM") from None


def _spki(key: object) -> bytes:
    """A public key's bytes, to compare."""
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _system_roots() -> bytes | None:
    """The authorities that the system trusts; None: gRPC's own, where the system has no file of them."""
    file = ssl.get_default_verify_paths().cafile
    try:
        return Path(file).read_bytes() if file else None
    except OSError:
        return None


def _wrong(setting: str, what: str) -> StreamprocError:
    return StreamprocError(ErrorCode.SETTINGS_INVALID, f"{setting}: {what}")
