"""Faust's tables, with state that is exactly once."""
