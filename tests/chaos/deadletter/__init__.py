"""Dead letters under kill -9: `pytest tests/chaos/deadletter`, a few minutes."""
