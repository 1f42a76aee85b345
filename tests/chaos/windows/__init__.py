"""Windows while workers die at their ends."""
