"""What a Kafka needs to let clients in by TLS and SASL alone, and to allow each of them only what it is granted."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from streamproc.localstack.ports import HOST

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_VALID = timedelta(days=30)
_HOST_NAMES = (x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost"))


@dataclass(frozen=True, slots=True)
class Security:
    """A listener with TLS (KIP-651: keys in PEM) and SASL beside the plain one.

    ``users``: name -> password, without quotes or backslashes; each may log in by PLAIN and by SCRAM. ``acls``:
    nobody may do anything that no ACL allows, except on the plain listener, whose clients may do everything.
    """

    users: Mapping[str, str] = field(repr=False)
    acls: bool = False

    def broker_settings(self, listener: str, folder: Path) -> dict[str, str]:
        """The broker's settings; its key and certificates are made in ``folder`` where they are missing."""
        prefix = f"listener.name.{listener.lower()}"
        logins = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        plain = f"org.apache.kafka.common.security.plain.PlainLoginModule required {logins};"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        settings = {
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.location": str(_certified_key(folder)),
            f"{prefix}.sasl.enabled.mechanisms": ",".join(MECHANISMS),
            f"{prefix}.plain.sasl.jaas.config": plain,
            f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
            f"{prefix}.scram-sha-512.sasl.jaas.config": scram,
        }
        if self.acls:
            settings |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "allow.everyone.if.no.acl.found": "false",
            }
        return settings

    def format_arguments(self) -> list[str]:
        """What ``kafka-storage format`` takes to know the users of SCRAM from the start."""
        return [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for mechanism in MECHANISMS
            if mechanism != "PLAIN"
            for name, password in self.users.items()
        ]


def ca_file(folder: Path) -> Path:
    """The certificate, in PEM, that clients of the Kafka in ``folder`` trust."""
    return folder / "ca.pem"


def make_authority(
    file: Path, common_name: str = "streamproc local authority"
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority of one's own, its certificate written to ``file``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    authority = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(authority.public_bytes(Encoding.PEM))
    return authority, key


def _certified_key(folder: Path) -> Path:
    """The broker's key and its certificate for HOST, in one file that its owner alone can read."""
    file = folder / "broker.pem"
    if file.exists():
        return file
    make_certified_key(file, HOST, *make_authority(ca_file(folder)))
    return file


def make_certified_key(
    file: Path,
    common_name: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    *,
    valid: timedelta = _VALID,
    names: Sequence[x509.GeneralName] = _HOST_NAMES,
) -> None:
    """Write a key and its certificate, in PEM, for a server on HOST (or of these ``names``) or for a client.

    ``valid``: for so long from now; negative: it has expired since so long.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]), authority.subject, key, valid)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: timedelta = _VALID
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + valid) - timedelta(hours=1))
        .not_valid_after(now + valid)
    )
