output "topics" {
  description = "Names of the topics that were made."
  value       = toset([for topic in kafka_topic.this : topic.name])
}
