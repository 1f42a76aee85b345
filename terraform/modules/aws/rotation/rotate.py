"""Rotates the password of one of Kafka's users: what Secrets Manager calls, in four steps.

MSK takes the version of a secret that is AWSCURRENT, so that the change is made by the last step. What runs
as a user is given the password when it starts: a new one has it rolled anew, old connections live on meanwhile.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

LENGTH = 32


def handler(event: dict[str, str], context: object) -> None:
    """Carry out one step.

    Raises:
        ValueError: there is no such step, or the version was not made for it.
    """
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager")
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in stages.get(token, ()):
        return
    if step == "createSecret":
        create(client, secret, token)
    elif step == "finishSecret":
        finish(client, secret, token, stages)
    elif step not in ("setSecret", "testSecret"):
        raise ValueError(f"unknown step {step}")


def create(client: Any, secret: str, token: str) -> None:
    """Make a new password, once, however often this is called."""
    current = json.loads(client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"])
    try:
        client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        made = client.get_random_password(PasswordLength=LENGTH, ExcludePunctuation=True)["RandomPassword"]
        client.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=json.dumps({**current, "password": made}),
            VersionStages=["AWSPENDING"],
        )


def finish(client: Any, secret: str, token: str, stages: dict[str, list[str]]) -> None:
    """Put the new password into force, and have what runs as this user start with it."""
    if "AWSPENDING" not in stages.get(token, ()):
        raise ValueError("the version is not pending")
    before = next((version for version, names in stages.items() if "AWSCURRENT" in names), None)
    client.update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        MoveToVersionId=token,
        **({"RemoveFromVersionId": before} if before else {}),
    )
    service = json.loads(os.environ["SERVICES"]).get(secret)
    if service:
        boto3.client("ecs").update_service(cluster=os.environ["CLUSTER"], service=service, forceNewDeployment=True)
