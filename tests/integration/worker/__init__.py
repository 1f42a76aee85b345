"""The worker as a process, on the real stack."""
