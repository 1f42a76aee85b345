"""Event-driven scoring of reading aloud."""

__version__ = "0.1.0"
