"""The threads that talk to Kafka through librdkafka."""
