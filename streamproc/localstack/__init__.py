"""A real Kafka, schema registry and Triton on one machine, from packages alone: neither Docker nor Java nor Maven.

``stack`` puts the parts together; ``kafka``, ``registry`` and ``triton`` are one part each.
"""
