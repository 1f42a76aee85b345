"""A Kafka that nobody may use but Terraform, until it has been applied."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.logins import Logins
from support.terraform import FOLDER, Terraform, mirrored

from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.security import Security, ca_file

USERS = ("worker", "publisher", "subscriber", "operator", "teacher", "replayer")
"""Each is called as what it is."""

GROUP = "my-service"
"""The subscriber's."""


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of terraform/, so that nothing is written to the checkout."""
    there = tmp_path_factory.mktemp("terraform") / "terraform"
    shutil.copytree(FOLDER, there, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return there


class Applied(Logins):
    """The Kafka with its users, and what Terraform made of it."""

    def __init__(self, part: KafkaPart, passwords: Mapping[str, str], registry_url: str, terraform: Terraform) -> None:
        super().__init__(part, passwords, registry_url, "SCRAM-SHA-512")
        self.terraform = terraform


def _role(user: str) -> dict[str, str]:
    return {"role": user, "group": GROUP} if user == "subscriber" else {"role": user}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, tree: Path, registry_url: str) -> Iterator[Applied]:
    """environments/local, applied to a Kafka with SASL and an authorizer."""
    if not mirrored("mongey/kafka"):
        pytest.skip("the provider Mongey/kafka is in no mirror here: make kafka-provider SOURCE=its/checkout")
    scratch = tmp_path_factory.mktemp("applied")
    passwords = {user: secrets.token_urlsafe(18) for user in USERS}
    part = KafkaPart(
        scratch / "kafka",
        security=Security({"terraform": (own := secrets.token_urlsafe(18))}, acls=True),
        settings={"super.users": "User:ANONYMOUS;User:terraform"},
    )
    part.start()
    try:
        login = f'{{username="terraform", ca_file="{ca_file(part.folder)}"}}'
        terraform = Terraform(
            tree / "environments" / "local",
            scratch,
            {
                "TF_VAR_bootstrap_servers": f'["{part.secured}"]',
                "TF_VAR_login": login,
                "TF_VAR_login_password": own,
                "TF_VAR_features": '["duplicates", "progress", "corrections"]',
                "TF_VAR_users": json.dumps({user: _role(user) for user in USERS}),
                "TF_VAR_passwords": "{" + ", ".join(f'{name}="{one}"' for name, one in passwords.items()) + "}",
            },
        )
        terraform.init(backend=True)
        terraform.apply("partitions=2")
        yield Applied(part, passwords, registry_url, terraform)
    finally:
        part.stop()
