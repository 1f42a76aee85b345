terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    kafka = {
      source  = "Mongey/kafka"
      version = "~> 0.13"
    }
  }

  # A lock file beside the state keeps two applies apart.
  backend "local" {
    path = "terraform.tfstate"
  }
}
