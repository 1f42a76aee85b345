"""The operator's page: whether readings are being scored, and why not."""
