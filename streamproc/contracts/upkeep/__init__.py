"""What keeps the contracts in order: lint, generation, checks; no part of a worker."""
