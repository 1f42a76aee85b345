"""Our clients of Kafka beside the driver: topics, reading, refusals."""
