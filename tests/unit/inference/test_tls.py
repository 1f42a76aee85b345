"""Certificates that cannot be used are found before they are, each by one message that names the setting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.tls import Lifetime, TlsFiles, read
from streamproc.localstack.security import make_authority, make_certified_key
from streamproc.settings import is_loopback

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """An authority, and a certificate with its key in one file, all good."""
    made = TlsFiles(tmp_path / "ca.pem", tmp_path / "client.pem", tmp_path / "client.pem")
    make_certified_key(tmp_path / "client.pem", "worker", *make_authority(tmp_path / "ca.pem"))
    return made


def problem(ca: Path | None, certificate: Path | None, key: Path | None) -> str:
    with pytest.raises(StreamprocError) as caught:
        read(TlsFiles(ca, certificate, key))
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
    assert caught.value.code.error_class is ErrorClass.FATAL
    return caught.value.message


def test_good_files_are_read(files: TlsFiles) -> None:
    found = read(files)
    assert files.ca is not None
    assert found.roots == files.ca.read_bytes()
    assert found.lifetime is not None
    assert 29 < found.lifetime.days_left(datetime.now(UTC)) <= 30
    assert found == read(files)
    found.for_channel()


def test_an_authority_alone_is_enough(files: TlsFiles) -> None:
    found = read(TlsFiles(ca=files.ca))
    assert (found.certificate, found.key, found.lifetime) == (None, None, None)


def test_a_file_that_is_not_there_or_holds_something_else(files: TlsFiles, tmp_path: Path) -> None:
    nowhere, text = tmp_path / "nowhere.pem", tmp_path / "text"
    text.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    ca, certificate, key = files.ca, files.certificate, files.key
    assert problem(nowhere, certificate, key) == (
        f"STREAMPROC_TRITON__CA_FILE: {nowhere} cannot be read: No such file or directory"
    )
    assert problem(text, certificate, key) == f"STREAMPROC_TRITON__CA_FILE: {text} holds no certificate in PEM"
    assert problem(tmp_path, certificate, key).startswith("STREAMPROC_TRITON__CA_FILE: ")
    assert problem(ca, nowhere, key).startswith("STREAMPROC_TRITON__CERTIFICATE_FILE: ")
    assert problem(ca, text, key).startswith("STREAMPROC_TRITON__CERTIFICATE_FILE: ")
    assert problem(ca, certificate, nowhere).startswith("STREAMPROC_TRITON__KEY_FILE: ")
    assert problem(ca, certificate, ca) == f"STREAMPROC_TRITON__KEY_FILE: {ca} holds no private key in PEM"
    assert problem(ca, certificate, None).startswith("STREAMPROC_TRITON__KEY_FILE: is missing")
    assert problem(ca, None, key).startswith("STREAMPROC_TRITON__CERTIFICATE_FILE: is missing")


def test_a_key_of_another_certificate_and_one_behind_a_passphrase(files: TlsFiles, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    make_certified_key(other, "worker", *make_authority(tmp_path / "another.pem"))
    assert "is not the key of the certificate" in problem(files.ca, files.certificate, other)
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(other.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    assert "passphrase" in problem(files.ca, files.certificate, locked)


def test_one_that_has_expired(files: TlsFiles, tmp_path: Path) -> None:
    old = tmp_path / "old.pem"
    make_certified_key(old, "worker", *make_authority(tmp_path / "another.pem"), valid=timedelta(hours=-2))
    told = problem(files.ca, old, old)
    assert told.startswith(f"STREAMPROC_TRITON__CERTIFICATE_FILE: the certificate in {old} has expired on 20")


@pytest.mark.parametrize(
    ("lives", "left", "soon"),
    [
        (timedelta(days=365), timedelta(days=15), False),
        (timedelta(days=365), timedelta(days=13), True),
        (timedelta(days=365), timedelta(days=-1), True),
        (timedelta(hours=24), timedelta(hours=8), False),
        (timedelta(hours=24), timedelta(hours=4), True),
    ],
)
def test_when_it_is_time_to_warn(lives: timedelta, left: timedelta, soon: bool) -> None:
    lifetime = Lifetime(NOON + left - lives, NOON + left)
    assert lifetime.ends_soon(NOON) is soon
    assert lifetime.days_left(NOON) == pytest.approx(left / timedelta(days=1))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("triton", False),
        ("127.0.0.1.example.org", False),
        ("[fd00::1]", False),
    ],
)
def test_what_stays_on_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
