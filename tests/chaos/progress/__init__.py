"""Learners' progress and duplicates while workers are killed and restarted."""
