output "bootstrap_servers" {
  description = "Brokers for users of SCRAM."
  value       = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
}

output "bootstrap_servers_iam" {
  description = "Brokers for administrators, by IAM: the provider of modules/kafka."
  value       = aws_msk_cluster.this.bootstrap_brokers_sasl_iam
}

output "kafka_administrator_policy_arn" {
  description = "Policy for the role that puts topics and ACLs on the cluster."
  value       = aws_iam_policy.kafka_administrator.arn
}

output "repository_url" {
  description = "Where images of the worker are pushed to."
  value       = aws_ecr_repository.worker.repository_url
}

output "ci_role_arn" {
  description = "Role that GitHub's workflows take on."
  value       = aws_iam_role.ci.arn
}

output "recordings_bucket" {
  description = "Bucket for recordings behind claim checks."
  value       = aws_s3_bucket.recordings.id
}

output "user_secret_arns" {
  description = "User -> the secret that holds its password."
  value       = { for user, secret in aws_secretsmanager_secret.user : user => secret.arn }
}

output "alarm_topic_arns" {
  description = "Urgency -> the SNS topic of its alarms."
  value       = { for urgency, topic in aws_sns_topic.alarms : urgency => topic.arn }
}
