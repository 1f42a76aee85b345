"""Everything against a Kafka that wants TLS, a login, and permissions."""
