"""Synthetic activities: valid ones, whose clip can be heard, and whose results subscribers leave out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamproc.client import SYNTHETIC_TENANT, Connection, ResultSubscriber, ResultSubscriberV2
from streamproc.client.synthetic import LEARNERS, synthetic_activity
from streamproc.contracts.casts import upcast
from streamproc.contracts.rules import validate
from streamproc.contracts.synthetic import is_synthetic
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.telemetry.tenants import Tenants


def test_it_keeps_the_contract_and_says_what_it_is() -> None:
    one, other = synthetic_activity(1), synthetic_activity(LEARNERS + 1)
    validate(one)
    assert is_synthetic(one.tenant_id)
    assert one.learner_id == other.learner_id
    assert one.activity_id != other.activity_id
    assert len({synthetic_activity(number).learner_id for number in range(LEARNERS)}) == LEARNERS


@pytest.mark.parametrize("kind", [ResultSubscriber, ResultSubscriberV2])
def test_a_subscriber_leaves_its_results_out_unless_asked(kind: type[ResultSubscriber]) -> None:
    connection = Connection(bootstrap_servers="127.0.0.1:1", registry_url="http://127.0.0.1:1")
    own, childs = replace(RESULT, tenant=SYNTHETIC_TENANT), RESULT
    if kind is not ResultSubscriber:
        own, childs = upcast(own), upcast(childs)  # type: ignore[assignment]
    assert [kind(connection, "g")._is_told(one) for one in (own, childs)] == [False, True]
    assert [kind(connection, "g", synthetic=True)._is_told(one) for one in (own, childs)] == [True, True]


def test_its_tenant_has_its_own_name_in_the_metrics() -> None:
    assert Tenants(0).label(SYNTHETIC_TENANT) == SYNTHETIC_TENANT
