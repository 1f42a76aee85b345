"""A Kafka that nobody may use but Terraform, until it has been applied."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.terraform import FOLDER, Terraform, mirrored

from streamproc.client import Connection
from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.security import Security, ca_file

USERS = ("worker", "publisher", "subscriber", "operator")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of terraform/, so that nothing is written to the checkout."""
    there = tmp_path_factory.mktemp("terraform") / "terraform"
    shutil.copytree(FOLDER, there, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return there


@dataclass
class Applied:
    """The Kafka, what Terraform made of it and with which passwords."""

    part: KafkaPart
    terraform: Terraform
    passwords: dict[str, str]
    registry_url: str

    def client(self, user: str) -> dict[str, str]:
        """librdkafka's settings of a client that logs in as this user."""
        return {
            "log_level": "0",
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": str(ca_file(self.part.folder)),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.passwords[user],
        }

    def connection(self, user: str) -> Connection:
        """A publisher's or subscriber's connection."""
        return Connection(bootstrap_servers=self.part.secured, registry_url=self.registry_url, kafka=self.client(user))

    def environment(self, user: str) -> dict[str, str]:
        """The settings of a worker or a command that runs as this user."""
        return {
            "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": self.part.secured,
            "STREAMPROC_REGISTRY__URL": self.registry_url,
            "STREAMPROC_LOG__FORMAT": "json",
            "STREAMPROC_TRANSPORT__SECURITY_PROTOCOL": "sasl_ssl",
            "STREAMPROC_TRANSPORT__CA_FILE": str(ca_file(self.part.folder)),
            "STREAMPROC_TRANSPORT__SASL_MECHANISM": "SCRAM-SHA-512",
            "STREAMPROC_TRANSPORT__SASL_USERNAME": user,
            "STREAMPROC_TRANSPORT__SASL_PASSWORD": self.passwords[user],
        }


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
                "TF_VAR_passwords": "{" + ", ".join(f'{name}="{one}"' for name, one in passwords.items()) + "}",
            },
        )
        terraform.init(backend=True)
        terraform.apply("partitions=2")
        yield Applied(part, terraform, passwords, registry_url)
    finally:
        part.stop()
