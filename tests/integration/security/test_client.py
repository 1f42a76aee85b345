"""Publishers, followers and subscribers that Kafka does not let in, or not do what they want: the reason, and soon."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.holes import hole

from streamproc.client import OutcomeFollower, Receipt
from streamproc.errors import ErrorCode
from streamproc.localstack.security import make_authority

from .acls import Permission, documented
from .attempts import failure
from .secured import Secured

CLIENTS = ("publisher", "follower", "subscriber")


@pytest.mark.parametrize("user", CLIENTS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_told(secured: Secured, user: str, mechanism: str) -> None:
    error = failure(user, secured.connection(user, mechanism, **{"sasl.password": "guessed"}))
    assert error.code is ErrorCode.KAFKA_REFUSED
    assert "sasl.password" in error.message
    assert "guessed" not in error.message


@pytest.mark.parametrize("user", CLIENTS)
def test_an_unknown_authority_is_told(secured: Secured, user: str, tmp_path: Path) -> None:
    make_authority(tmp_path / "ca.pem")
    error = failure(user, secured.connection(user, **{"ssl.ca.location": str(tmp_path / "ca.pem")}))
    assert error.code is ErrorCode.KAFKA_REFUSED
    assert "ssl.ca.location" in error.message
    assert "certificate verify failed" in error.message


@pytest.mark.parametrize("user", CLIENTS)
def test_what_librdkafka_does_not_take_is_told(secured: Secured, user: str, tmp_path: Path) -> None:
    error = failure(user, secured.connection(user, **{"ssl.ca.location": str(tmp_path / "none.pem")}))
    assert error.code is ErrorCode.SETTINGS_INVALID
    assert "ssl.ca.location" in error.message
    assert "Connection.kafka" in error.message


@pytest.mark.parametrize("permission", [one for one in documented() if one.user in CLIENTS], ids=Permission.__str__)
def test_none_of_the_documented_permissions_can_be_left_out(secured: Secured, permission: Permission) -> None:
    with secured.without(permission):
        error = failure(permission.user, secured.connection(permission.user))
    assert error.code is ErrorCode.KAFKA_REFUSED
    assert "uthorization failed" in error.message


@hole("D6")
def test_a_follower_needs_no_group(secured: Secured) -> None:
    # No outcome comes; nor does an error of a group that it does not join.
    with OutcomeFollower(secured.connection("follower")) as outcomes, pytest.raises(TimeoutError):
        outcomes.outcome(Receipt("reading.activity.v1", 0, 10**9)).result(3)
