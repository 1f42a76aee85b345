"""Environments that are planned with the values of their examples, and without an account."""

from __future__ import annotations

import json
from pathlib import Path

from support.terraform import Terraform

# In place of an account: nobody is asked, and nothing is made.
OVERRIDE = """
terraform {
  backend "local" {}
}

provider "aws" {
  access_key                  = "none"
  secret_key                  = "none"
  allowed_account_ids         = null
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""

PASSWORDS = dict.fromkeys(("worker", "publisher", "subscriber", "operator"), "not-a-real-password")


def example(folder: Path, scratch: Path) -> Terraform:
    """An environment, ready to be planned; ``folder`` is a copy and is written to."""
    (folder / "terraform.tfvars").write_text((folder / "terraform.tfvars.example").read_text())
    (folder / "override.tf").write_text(OVERRIDE)
    terraform = Terraform(folder, scratch, {"TF_VAR_initial_passwords": json.dumps(PASSWORDS).replace(":", "=")})
    terraform.init(backend=True)
    return terraform
