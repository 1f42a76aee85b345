"""The worker's web pages, on the real stack."""
