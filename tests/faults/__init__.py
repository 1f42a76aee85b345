"""Faults that take gigabytes or minutes: `make test-faults`."""
