"""Faust's own functional and stress tests, run against ``rdkafka://``: ``make faust-suites``."""
