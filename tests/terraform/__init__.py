"""The modules as Terraform sees them: tested, planned, and applied to a real Kafka."""
