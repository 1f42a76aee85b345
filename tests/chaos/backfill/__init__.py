"""History read again, beside live work, while what reads it is killed."""
