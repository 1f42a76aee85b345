"""Fuzzing: `python -m fuzz.atheris_events` and `fuzz.atheris_audio` from tests/, `pytest tests/fuzz` for the worker."""
