output "bootstrap_servers" {
  description = "Brokers for users of SCRAM."
  value       = module.aws.bootstrap_servers
}

output "bootstrap_servers_iam" {
  description = "Brokers for administrators, by IAM."
  value       = module.aws.bootstrap_servers_iam
}

output "repository_url" {
  description = "Where images of the worker are pushed to."
  value       = module.aws.repository_url
}

output "ci_role_arn" {
  description = "Role that GitHub's workflows take on."
  value       = module.aws.ci_role_arn
}
