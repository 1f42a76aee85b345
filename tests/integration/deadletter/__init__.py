"""Tests of the dead letters on a real Kafka."""
