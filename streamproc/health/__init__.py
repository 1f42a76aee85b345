"""Whether the worker can go on: what it has run out of, and whether it gets anywhere."""
